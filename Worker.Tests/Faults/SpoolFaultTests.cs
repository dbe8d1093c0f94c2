using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class SpoolFaultTests(FaultServers servers)
{
    /// <summary>A full disk takes nothing from the saves that Redis holds; where it is away too, they are refused in time.</summary>
    [SmallDiskFact]
    public async Task Fill_DiskOfTheSpool_SavesAreHeldByRedisOrRefusedAndItHeals()
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-spool-");
        try
        {
            await using var disk = await SmallDisk.MountAsync(folder.FullName, "1m");
            await FaultLab.RunAsync(servers.Set, 3906, lab => FillAsync(lab, disk, Path.Combine(folder.FullName, "spool.db")));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>
    /// The application dies with a filled spool. The next one of the same streams starts during the outage and dies soon after
    /// it, others bring the rest: before anything is rescued, what the spool had taken is archived.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task Kill_ApplicationWithFilledSpool_TheNextOnesArchiveItOnceAndInOrder(bool isRedisAway) => FaultLab.RunAsync(servers.Set, 3908, async lab =>
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-spool-");
        try
        {
            await KillAsync(lab, folder.FullName, isRedisAway);
        }
        finally
        {
            await lab.DisposeAsync();
            folder.Delete(recursive: true);
        }
    });

    private static async Task KillAsync(FaultLab lab, string folder, bool isRedisAway)
    {
        const string name = "app";
        var spoolPath = Path.Combine(folder, "spool.db");
        lab["Worker__RescueAfter"] = "1.00:00:00"; // By the spool, or not at all.
        await lab.StartWorkerAsync();
        await RunAsync(0, async (_, ledger) =>
        {
            await FaultApplication.ProgressAsync(ledger, 200);
            await lab.RabbitMq.CutAsync();
            if (isRedisAway)
            {
                await lab.Redis.CutAsync();
            }

            lab.Timeline.Note("cut");
            await FaultApplication.SpooledAsync(ledger, 100);
        });
        var held = isRedisAway ? Durability.Buffered : Durability.Cached;
        lab.Ledger.Snapshot().Count(operation => operation.IsSpooled && operation.Reached == held).ShouldBeGreaterThanOrEqualTo(50);

        await RunAsync(1_000_000, async (application, ledger) =>
        {
            var opened = await application.WaitForLineAsync(line => line.Contains("bytes of messages wait in the spool", StringComparison.Ordinal), FaultLab.Patience);
            opened.Trim().ShouldNotStartWith("0 ");
            await FaultApplication.SpooledAsync(ledger, 20);
            lab.RabbitMq.Restore();
            lab.Redis.Restore();
            lab.Timeline.Note("restored");
            await Task.Delay(lab.Random.Next(3000));
        });
        await RunAsync(2_000_000, (_, ledger) => FaultApplication.ProgressAsync(ledger, 100));

        var host = await lab.StartClientAsync(addServices: services => services.AddCheckpointSpool(options => options.SpoolPath = spoolPath));
        var spool = host.Services.GetRequiredService<ICommandSpool>();
        await FaultLab.UntilAsync(async () => (await spool.PeekAsync(1)).Count == 0, "the spool is drained");
        lab.AtRisk.Add(name); // What only Redis has is not there yet.
        await lab.AuditRedeliveryAsync(host);
        lab.AtRisk.Remove(name);
        lab["Worker__RescueAfter"] = "00:00:00.100";
        await lab.StartWorkerAsync();
        await lab.AuditAsync(host);

        async Task RunAsync(int first, Func<WorkerProcess, string, Task> happening)
        {
            var ledger = Path.Combine(folder, $"ledger-{first}");
            await using (var application = await FaultApplication.StartAsync(lab, ledger, lab.Seed + first, name, spoolPath: spoolPath, first: first))
            {
                await happening(application, ledger);
                application.Kill();
                await application.WaitForExitAsync(FaultLab.Patience);
            }

            lab.Timeline.Note("application killed");
            lab.Ledger.Add(FaultApplication.ReadLedger(ledger));
            lab.Ledger.ForgetBuffered(name);
        }
    }

    private static async Task FillAsync(FaultLab lab, SmallDisk disk, string path)
    {
        await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync(
            options => (options.BrokerTimeout, options.CacheTimeout) = (TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(3)),
            addServices: services => services.AddCheckpointSpool(options => options.SpoolPath = path));
        var client = FaultLab.ClientOf(host);
        var number = 0;
        await FaultLab.UntilAsync(async () => (await SaveAsync()).Reached == Durability.Queued, "a save is queued");

        await lab.RabbitMq.CutAsync();
        (await SaveAsync()).Spooled.ShouldBeTrue();
        // Where a large one does not fit any more, a small one still may.
        for (var refused = 0; refused < 20;)
        {
            var saved = await SaveAsync();
            saved.Reached.ShouldBe(Durability.Cached);
            refused = saved.Spooled ? 0 : refused + 1;
            number.ShouldBeLessThan(2000);
        }

        lab.Timeline.Note($"disk full after {number} saves");
        await lab.Redis.CutAsync();
        await Should.ThrowAsync<CheckpointUnavailableException>(() => SaveAsync().WaitAsync(TimeSpan.FromSeconds(12)));
        lab.Redis.Restore();
        await FaultLab.UntilAsync(RedisTakesASaveAsync, "Redis takes saves again");

        await disk.ResizeAsync("64m");
        (await SaveAsync()).Spooled.ShouldBeTrue();
        lab.RabbitMq.Restore();
        await FaultLab.UntilAsync(() => Task.FromResult(host.Services.GetRequiredService<ICommandSpool>().IsEmpty), "the spool is drained");
        await lab.AuditAsync(host);

        Task<SaveResult> SaveAsync() => lab.SaveAsync(client, "spool", number++);

        async Task<bool> RedisTakesASaveAsync()
        {
            try
            {
                return (await SaveAsync()).Cached;
            }
            catch (CheckpointUnavailableException)
            {
                return false;
            }
        }
    }
}
