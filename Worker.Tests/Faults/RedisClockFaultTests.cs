using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.Hosting;
using Shouldly;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>The clock of Redis, from which sequences come, is set while everything runs, and set right again.</summary>
public sealed class RedisClockFaultTests
{
    private static readonly SaveOptions Persisted = new() { Durability = Durability.Persisted };

    [FakeClockFact]
    public Task Set_OneHourBack_KeepsOrderAndDeletions() => RunAsync(3611, TimeSpan.FromHours(-1));

    [FakeClockFact]
    public Task Set_OneHourAhead_KeepsOrderAndDeletions() => RunAsync(3612, TimeSpan.FromHours(1));

    private static async Task RunAsync(int seed, TimeSpan offset)
    {
        using var clock = new FakeClock();
        await using var servers = await ServerSet.StartAsync(ServerKind.All, new ServerSettings { RedisEnvironment = clock.Environment });
        await FaultLab.RunAsync(servers, seed, async lab =>
        {
            await lab.StartWorkerAsync();
            var first = await lab.StartClientAsync();
            await FaultLab.ReadyAsync(FaultLab.ClientOf(first));
            await lab.UnderLoadAsync(FaultLab.ClientOf(first), async () =>
            {
                await lab.ProgressAsync();
                await SaveAndDeleteAsync(lab, first, () => Set(offset));
                await lab.ProgressAsync();
                Set(TimeSpan.Zero);
                await lab.ProgressAsync();
            });

            // Only Redis has these; they are archived from there, by whichever of the two times is later.
            await lab.RabbitMq.CutAsync();
            await SaveAsync(first, "pending", 0, 5, Durability.Cached);
            Set(offset);
            await SaveAsync(first, "pending", 5, 5, Durability.Cached);
            lab.RabbitMq.Restore();
            Set(offset > TimeSpan.Zero ? offset : TimeSpan.Zero);
            await lab.AuditAsync(first);
            (await ArchivedAsync(lab, "pending")).ShouldBe(Enumerable.Range(0, 10).Select(i => $"{i}"));

            void Set(TimeSpan to)
            {
                clock.Set(to);
                lab.Timeline.Note($"the clock of Redis is {to} from the machine's");
            }
        });
    }

    /// <summary>By a process that was there before the clock was set, and by one that begins after it.</summary>
    private static async Task SaveAndDeleteAsync(FaultLab lab, IHost before, Action set)
    {
        await SaveAsync(before, "run", 0, 20);
        var (old, version) = (new Checkpoint { ExecutionId = "deleted", Id = "0", CreatedAt = DateTimeOffset.UnixEpoch }, 1L);
        var sequence = (await FaultLab.ClientOf(before).SaveAsync(old, Persisted)).Sequence;
        await FaultLab.ClientOf(before).DeleteAsync(old.Key, Durability.Persisted);
        await SaveAsync(before, "to clear", 0, 3);
        await SaveAsync(before, "cleared", 0, 3);
        await FaultLab.ClientOf(before).ClearAsync("cleared", Durability.Persisted);

        set();
        await SaveAsync(before, "run", 20, 20);
        var after = await lab.StartClientAsync();
        await SaveAsync(after, "run", 40, 20);
        await SaveAsync(before, "run", 60, 20);
        (await ArchivedAsync(lab, "run")).ShouldBe(Enumerable.Range(0, 80).Select(i => $"{i}"));
        (await FaultLab.ClientOf(after).LoadLatestAsync("run"))!.Id.ShouldBe("79");

        // What is deleted stays so; what is saved since is welcome, and can be deleted in its turn.
        await OrderFaultTests.RedeliverAsync(lab, (old, sequence), isCached: false);
        foreach (var client in new[] { after, before })
        {
            (await FaultLab.ClientOf(client).LoadAsync(old.Key)).ShouldBeNull();
            await FaultLab.ClientOf(client).SaveAsync(old with { Version = ++version }, Persisted);
            (await FaultLab.ClientOf(client).LoadLatestAsync("deleted"))!.Version.ShouldBe(version);
            await FaultLab.ClientOf(client).DeleteAsync(old.Key, Durability.Persisted);
            (await FaultLab.ClientOf(client).LoadAsync(old.Key)).ShouldBeNull();
        }

        await FaultLab.ClientOf(after).ClearAsync("to clear", Durability.Persisted);
        (await FaultLab.ClientOf(before).LoadLatestAsync("to clear")).ShouldBeNull();
        await SaveAsync(after, "cleared", 0, 2);
        foreach (var (execution, ids) in new[] { ("deleted", ""), ("to clear", ""), ("cleared", "0 1") })
        {
            string.Join(' ', await ArchivedAsync(lab, execution)).ShouldBe(ids, execution);
        }
    }

    /// <summary>Saves under numbers as ids, one after the other; with the last one all of them are archived.</summary>
    private static async Task SaveAsync(IHost host, string executionId, int from, int count, Durability last = Durability.Persisted)
    {
        for (var i = from; i < from + count; i++)
        {
            await FaultLab.ClientOf(host).SaveAsync(
                new Checkpoint { ExecutionId = executionId, Id = $"{i}" },
                new SaveOptions { Durability = i == from + count - 1 ? last : Durability.Cached });
        }
    }

    /// <summary>The ids of an execution, oldest first.</summary>
    private static async Task<IEnumerable<string>> ArchivedAsync(FaultLab lab, string executionId) =>
        (await OrderFaultTests.FindAsync(lab, executionId)).Reverse().Select(item => item.Id);
}
