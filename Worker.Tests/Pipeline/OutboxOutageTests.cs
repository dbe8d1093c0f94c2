using System.Security.Cryptography;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class OutboxOutageTests
{
    [Fact]
    public async Task Redis_AwayWithManyRepairs_EventsAreDeliveredAndRepairsWait()
    {
        await using var redis = TcpProxy.Start(SharedServers.Redis);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        deployment["ConnectionStrings:Redis"] = redis.ConnectionString;
        deployment["Worker:OutboxInterval"] = "00:00:00.100";
        var worker = await deployment.StartWorkerAsync();
        await worker.Services.GetRequiredService<ArchiveState>().WhenMigrated;
        var archive = Deployment.ArchiveOf(worker);
        await redis.CutAsync();

        // More repairs than a claim takes, all before the last event.
        for (var i = 1; i <= 100; i++)
        {
            var checkpoint = new Checkpoint { ExecutionId = "e", Id = $"{i}", Sequence = i, CreatedAt = DateTimeOffset.UnixEpoch };
            var save = new ArchiveSave(checkpoint, SHA256.HashData([]), true);
            await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand($"c{i}", [save], [])], []), default);
        }

        await Deployment.UntilAsync(async () => await CountAsync(deployment, "kind = 1") == 0, "all events are delivered");
        (await CountAsync(deployment, "kind = 2")).ShouldBe(100);
        var tried = await CountAsync(deployment, "kind = 2 AND attempts > 0");

        // Those that were under way when the connection broke.
        tried.ShouldBeLessThanOrEqualTo(64);
        await Task.Delay(TimeSpan.FromSeconds(1));
        (await CountAsync(deployment, "kind = 2 AND attempts > 1")).ShouldBe(0);

        redis.Restore();
        await Deployment.UntilAsync(async () => (await archive.GetOutboxStatsAsync(default)).Pending == 0, "Redis is repaired");
    }

    /// <summary>They share a row of the outbox: what one of them meets is not the others' fault.</summary>
    [Fact]
    public async Task Redis_HoldsSomethingElseInOnePlace_TheOthersOfItsBatchAreRepaired()
    {
        await using var redis = TcpProxy.Start(SharedServers.Redis);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var client = await deployment.StartClientAsync();
        deployment["ConnectionStrings:Redis"] = redis.ConnectionString;
        deployment["Worker:OutboxInterval"] = "00:00:00.100";
        var worker = await deployment.StartWorkerAsync();
        var archive = Deployment.ArchiveOf(worker);
        var checkpoints = client.Services.GetRequiredService<ICheckpointClient>();
        var persisted = new SaveOptions { Durability = Durability.Persisted };
        var other = await checkpoints.SaveAsync(new Checkpoint { ExecutionId = "other", Id = "a" }, persisted);
        var good = await checkpoints.SaveAsync(new Checkpoint { ExecutionId = "good", Id = "a" }, persisted);

        await redis.CutAsync();
        ArchiveSave[] saves = [.. new[] { "bad", "good" }.Select(execution => new ArchiveSave(
            new Checkpoint { ExecutionId = execution, Id = "new", Sequence = good.Sequence + 1, CreatedAt = DateTimeOffset.UnixEpoch }, SHA256.HashData([]), true))];
        Tombstone[] tombstones = [new("bad", "", "a", 1, true), new("other", "", "a", other.Sequence, true)];
        await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand("batch", saves, tombstones)], []), default);
        using var direct = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis);
        var layout = new RedisLayout(deployment.Prefix, 16);
        await direct.GetDatabase().StringSetAsync(layout.StreamKey(layout.ShardOf("bad"), 'h', "bad", ""), "not a hash");
        redis.Restore();

        await Deployment.UntilAsync(async () => (await archive.GetOutboxStatsAsync(default)).Pending == 0, "Redis is repaired");
        (await checkpoints.LoadLatestAsync("good")).ShouldNotBeNull().Id.ShouldBe("new");
        (await Deployment.CacheOf(client).LoadAsync(other.Key, default)).Status.ShouldBe(CacheReadStatus.Deleted);
    }

    private static async Task<long> CountAsync(Deployment deployment, string condition)
    {
        await using var source = NpgsqlDataSource.Create(SharedServers.Postgres);
        await using var command = source.CreateCommand($"SELECT count(*) FROM {deployment.Prefix}.outbox WHERE delivered_at IS NULL AND {condition}");
        return (long)(await command.ExecuteScalarAsync())!;
    }
}
