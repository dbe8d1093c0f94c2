using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class RescueTests
{
    [Fact]
    public async Task Rescue_SettlesOnceAndRefillsNothing()
    {
        var (settled, put) = (0, 0);
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["Worker:RescueAfter"] = "00:00:00.100";
        deployment["Worker:RescueInterval"] = "00:00:00.100";
        var worker = await deployment.StartWorkerAsync(services =>
            CallWatch.Watch<ICheckpointCache, ICheckpointCache>(services, call =>
            {
                Count(ref settled, call, nameof(ICheckpointCache.SettleAsync));
                Count(ref put, call, nameof(ICheckpointCache.PutAsync));
            }));
        var client = await deployment.StartClientAsync();
        var cache = Deployment.CacheOf(client);

        // In Redis and not on the queue: their application has died in between.
        for (var sequence = 1; sequence <= 3; sequence++)
        {
            var checkpoint = new Checkpoint { ExecutionId = "x", Id = $"{sequence}", CreatedAt = DateTimeOffset.UnixEpoch };
            await cache.PutAsync(CheckpointCodec.Encode(checkpoint), sequence, default, true, CancellationToken.None);
        }

        await Deployment.UntilAsync(async () => (await cache.GetPendingStatsAsync(CancellationToken.None)).Count == 0, "they are rescued");
        await deployment.StopAsync(worker); // The settler ends when it has nothing left.
        Volatile.Read(ref settled).ShouldBeInRange(1, 3);
        Volatile.Read(ref put).ShouldBe(0);
    }

    private static void Count(ref int calls, string call, string counted)
    {
        if (call == counted)
        {
            Interlocked.Increment(ref calls);
        }
    }
}
