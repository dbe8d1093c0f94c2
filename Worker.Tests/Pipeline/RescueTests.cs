using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Consumers;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using StackExchange.Redis;
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

    /// <summary>What the consumer is about to archive is not archived twice, unless it takes very long.</summary>
    [Fact]
    public async Task Rescue_WhileMessagesWait_LeavesThemTheirTime()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["Worker:RescueAfter"] = "00:01:00";
        deployment["Worker:RescueInterval"] = "00:00:00.100";
        deployment["Worker:SampleInterval"] = "00:00:00.100";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.StartClientAsync();
        var cache = Deployment.CacheOf(client);
        var gate = worker.Services.GetRequiredService<ConsumptionGate>();
        await Deployment.UntilAsync(() => Task.FromResult(gate.Endpoint is not null), "the worker consumes");
        var endpoint = gate.Endpoint!;
        await endpoint.Stop(CancellationToken.None);
        await client.Services.GetRequiredService<ICheckpointClient>().SaveAsync(
            new Checkpoint { ExecutionId = "queued" }, new SaveOptions { Durability = Durability.Queued, Strict = true });
        await Deployment.UntilAsync(
            () => Task.FromResult(worker.Services.GetRequiredService<ConsumptionWatch>().Waiting > 0), "the worker has seen that a message waits");
        var now = await cache.GetTimeAsync(CancellationToken.None);
        await PutPendingAsync("late", now - TimeSpan.FromMinutes(2));
        await PutPendingAsync("lost", now - TimeSpan.FromMinutes(20));

        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "lost")).Count == 1, "what is far too late is rescued");
        (await Deployment.ArchivedAsync(worker, "late")).ShouldBeEmpty();

        endpoint.Start(CancellationToken.None);
        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "late")).Count == 1, "the queue is empty");

        Task PutPendingAsync(string executionId, DateTimeOffset madeAt) => cache.PutAsync(
            CheckpointCodec.Encode(new Checkpoint { ExecutionId = executionId, Id = "a", CreatedAt = madeAt }),
            CheckpointCodec.ToMicroseconds(madeAt), default, true, CancellationToken.None);
    }

    /// <summary>No client of ours has made it, and PostgreSQL takes no such text.</summary>
    [Theory]
    [InlineData('d')]
    [InlineData('x')]
    [InlineData('s')]
    public async Task Rescue_MarkOfAKeyThatNoneCanHave_IsADeadLetterAndTheOthersGoOn(char kind)
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var client = await deployment.StartClientAsync();
        var cache = Deployment.CacheOf(client);
        var layout = new RedisLayout(deployment.Prefix, 16);
        const string bad = "a\0";
        var shard = layout.ShardOf(bad);
        var neighbour = Enumerable.Range(0, 1000).Select(i => $"{i}").First(id => layout.ShardOf(id) > shard);
        using var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis);
        var mark = RedisFormat.Member(kind, kind == 'x' ? new CheckpointKey(bad, "") : new CheckpointKey(bad, "i"), 5);
        await redis.GetDatabase().SortedSetAddAsync(layout.PendingKeys[shard], mark, 5);
        await redis.GetDatabase().HashSetAsync(layout.StreamKey(shard, 'h', bad, ""), "i", "damaged");
        await cache.PutAsync(
            CheckpointCodec.Encode(new Checkpoint { ExecutionId = neighbour, Id = "a", CreatedAt = DateTimeOffset.UnixEpoch }), 5, default, true, CancellationToken.None);

        deployment["Worker:RescueAfter"] = deployment["Worker:RescueInterval"] = "00:00:00.100";
        var worker = await deployment.StartWorkerAsync();

        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, neighbour)).Count == 1, "the shard behind it is rescued");
        await Deployment.UntilAsync(async () => (await cache.GetPendingStatsAsync(CancellationToken.None)).Count == 0, "nothing is pending");
        (await Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 10, true, default)).ShouldHaveSingleItem().Letter.Reason.ShouldContain("U+0000");
    }

    private static void Count(ref int calls, string call, string counted)
    {
        if (call == counted)
        {
            Interlocked.Increment(ref calls);
        }
    }
}
