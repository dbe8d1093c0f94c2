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
