using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using Google.Protobuf;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <content>Values in Redis.</content>
public sealed partial class HostileInputTests
{
    [Fact]
    public Task RedisValues_AreDeadLettersWithAReasonAndNeighboursAreRescued() => FaultLab.RunAsync(servers.Set, 3803, async lab =>
    {
        const int cases = 800;
        var nasty = new Nasty(lab.Random);
        var host = await lab.StartClientAsync(options =>
        {
            FaultLab.GiveTime(options);
            options.BrokerTimeout = TimeSpan.FromSeconds(2);
            options.ReadTimeout = TimeSpan.FromMilliseconds(50);
        });
        var client = FaultLab.ClientOf(host);
        await client.SaveAsync(new Checkpoint { ExecutionId = "first" });
        await lab.RabbitMq.CutAsync();
        for (var i = 0; i < cases; i++)
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = $"good-{i % 50}", Id = $"{i}", State = new byte[50] }, Cached);
            await client.SaveAsync(new Checkpoint { ExecutionId = $"bad-{i}", Id = "a", State = new byte[50] }, Cached);
        }

        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Set.Redis + ",syncTimeout=10000");
        var layout = new RedisLayout(lab.Prefix, 16);
        var damaged = 0;
        for (var i = 0; i < cases; i++)
        {
            damaged += await SpoilAsync(redis.GetDatabase(), layout, nasty, lab.Random, $"bad-{i}", i) ? 1 : 0;
        }

        lab.Timeline.Note($"{damaged} of {cases} saves damaged");
        for (var i = 0; i < cases; i += 10)
        {
            await RejectedAsync($"{i} latest", () => client.LoadLatestAsync($"bad-{i}"));
            await RejectedAsync($"{i} load", () => client.LoadAsync(new CheckpointKey($"bad-{i}", "", "a")));
            await RejectedAsync($"{i} list", () => client.ListAsync(new CheckpointQuery { ExecutionId = $"bad-{i}" }));
            await RejectedAsync($"{i} save", () => client.SaveAsync(new Checkpoint { ExecutionId = $"bad-{i}", Id = "b" }, Cached));
            await RejectedAsync($"{i} delete", () => client.DeleteAsync(new CheckpointKey($"bad-{i}", "", "c"), Durability.Cached));
        }

        lab.RabbitMq.Restore();
        var worker = await lab.StartWorkerAsync();
        await FaultLab.UntilAsync(async () => await CountGoodAsync(lab) == cases, "every neighbour is rescued");
        await FaultLab.UntilAsync(
            async () => (await lab.Archive.ListDeadLettersAsync(null, 2000, true, default)).Count >= damaged, $"{damaged} dead letters");
        (await lab.Archive.ListDeadLettersAsync(null, 2000, true, default)).ShouldAllBe(letter => letter.Letter.Reason.Length > 0);

        // A whole shard that is not ours any more: the others go on.
        var shard = layout.ShardOf("good-0");
        await redis.GetDatabase().KeyDeleteAsync(layout.PendingKeys[shard]);
        await redis.GetDatabase().StringSetAsync(layout.PendingKeys[shard], "not a set");
        await Should.ThrowAsync<CheckpointFormatException>(() => client.SaveAsync(new Checkpoint { ExecutionId = "good-0" }, Cached));
        await lab.RabbitMq.CutAsync();
        var others = Enumerable.Range(0, 50).Select(i => $"other-{i}").Where(id => layout.ShardOf(id) != shard).ToList();
        foreach (var id in others)
        {
            await client.SaveAsync(new Checkpoint { ExecutionId = id }, Cached);
        }

        foreach (var id in others)
        {
            await FaultLab.UntilAsync(async () => await CountAsync(lab, id) == 1, $"{id} is rescued");
        }

        worker.HasExited.ShouldBeFalse();
    });

    /// <summary>True when the save can no longer be read, so that it has to become a dead letter.</summary>
    private static async Task<bool> SpoilAsync(IDatabase redis, RedisLayout layout, Nasty nasty, Random random, string executionId, int number)
    {
        var shard = layout.ShardOf(executionId);
        RedisKey hash = layout.StreamKey(shard, 'h', executionId, "");
        RedisKey set = layout.StreamKey(shard, 'z', executionId, "");
        var payload = (byte[])(await redis.HashGetAsync(hash, "a"))!;
        var header = payload[..RedisFormat.HeaderLength];
        var fields = CheckpointCodec.Parse(payload.AsMemory(RedisFormat.HeaderLength));
        switch (number == 0 ? 0 : random.Next(1, 9))
        {
            case 0:
                await redis.HashSetAsync(hash, "a", new byte[HugeBytes]);
                return true;
            case 1:
                await redis.HashSetAsync(hash, "a", payload[..random.Next(1, RedisFormat.HeaderLength)]);
                return true;
            case 2:
                fields.Compression = $"x{random.Next()}";
                await redis.HashSetAsync(hash, "a", (byte[])[.. header, .. fields.ToByteArray()]);
                return true;
            case 3:
                fields.StateSha256 = ByteString.CopyFrom(nasty.Bytes(40));
                await redis.HashSetAsync(hash, "a", (byte[])[.. header, .. fields.ToByteArray()]);
                return true;
            case 4:
                await redis.KeyDeleteAsync(hash);
                await redis.StringSetAsync(hash, nasty.Bytes(100));
                return true;
            case 5:
                await redis.KeyDeleteAsync(set);
                await redis.StringSetAsync(set, nasty.Bytes(100));
                return false;
            case 6:
                await redis.HashSetAsync(hash, RedisFormat.MetaField, nasty.Bytes(40));
                return false;
            case 7:
                await redis.SortedSetAddAsync(layout.PendingKeys[shard], nasty.Bytes(60), random.Next());
                return false;
            default:
                await redis.StringSetAsync(layout.NamedKey(shard, 't', executionId), nasty.Bytes(60));
                return false;
        }
    }

    /// <summary>It returns or is refused with a reason, and in time.</summary>
    private static async Task RejectedAsync(string what, Func<Task> call)
    {
        try
        {
            await call().WaitAsync(TimeSpan.FromSeconds(30));
        }
        catch (CheckpointException e)
        {
            e.Message.ShouldNotBeNullOrWhiteSpace();
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{what} has not ended.", e);
        }
    }

    private static async Task<int> CountGoodAsync(FaultLab lab)
    {
        var count = 0;
        for (var i = 0; i < 50; i++)
        {
            count += await CountAsync(lab, $"good-{i}");
        }

        return count;
    }
}
