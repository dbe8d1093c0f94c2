using System.Diagnostics;
using System.Text;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Redis;
using Shouldly;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace AsyncCheckpoints.Tests.Caching;

public sealed class RedisCacheTests(ITestOutputHelper output) : CacheConformanceTests(output)
{
    private const int Shards = 8;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private readonly string _prefix = $"test-{Guid.NewGuid():N}";
    private ConnectionMultiplexer? _behind;

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        if (_behind is not null)
        {
            await _behind.CloseAsync();
        }
    }

    [Fact]
    public async Task InitializeAsync_OtherShardCount_IsRefused()
    {
        await CreateSut();
        var other = Own(new RedisCheckpointCache(RedisServer.Shared, _prefix, Shards + 1, Timeout));

        var refused = await Should.ThrowAsync<CheckpointException>(() => other.InitializeAsync(default));

        refused.Message.ShouldContain($"in {Shards} shards; this program is set to {Shards + 1}");
        (refused.IsTransient, refused.Hint).ShouldBe((false, $"Set ShardCount to {Shards}, or use another prefix."));
        await Own(Create()).InitializeAsync(default);
    }

    [Fact]
    public async Task TryMoveWatermarkAsync_SomewhereElse_StaysWhereItIs()
    {
        const long day = 24L * 3600 * 1_000_000;
        var sut = await CreateSut();
        (await sut.TryMoveWatermarkAsync(1, "a", 0, 100 * day, default)).ShouldBeTrue();
        (await sut.TryMoveWatermarkAsync(1, "a", 0, 101 * day, default)).ShouldBeFalse();
        (await sut.TryMoveWatermarkAsync(1, "a", 99 * day, null, default)).ShouldBeFalse();
        (await sut.TryMoveWatermarkAsync(1, "a", 100 * day, null, default)).ShouldBeTrue();
        (await sut.TryMoveWatermarkAsync(1, "b", 0, 101 * day, default)).ShouldBeTrue();
        (await sut.GetWatermarksAsync(1, default)).ShouldBe(new Dictionary<string, long> { ["a"] = 100 * day, ["b"] = 101 * day }, ignoreOrder: true);

        (await sut.TryMoveWatermarkAsync(1, "c", 0, 103 * day, default)).ShouldBeTrue();
        (await sut.GetWatermarksAsync(1, default)).Keys.ShouldBe(["b", "c"], ignoreOrder: true);
        (await sut.GetWatermarksAsync(2, default)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("9 8")]
    [InlineData("nonsense")]
    [InlineData("")]
    public async Task InitializeAsync_OtherLayout_IsRefused(string config)
    {
        await (await BehindAsync()).StringSetAsync($"{_prefix}:config", config);
        (await Should.ThrowAsync<CheckpointException>(() => CreateSut())).Message.ShouldContain($"in layout '{config}'");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a{b")]
    [InlineData("a}b")]
    [InlineData("a\nb")]
    public void Constructor_BadPrefix_IsRefused(string prefix) =>
        Should.Throw<ArgumentException>(() => new RedisCheckpointCache("localhost", prefix, 1, Timeout)).Message.ShouldContain("prefix");

    [Fact]
    public void Constructor_BadArguments_AreRefused()
    {
        Should.Throw<ArgumentException>(() => new RedisCheckpointCache("localhost", "p", 0, Timeout)).Message.ShouldContain("1 to 16384");
        Should.Throw<ArgumentException>(() => new RedisCheckpointCache("", "p", 1, Timeout));
        Should.Throw<ArgumentException>(() => new RedisCheckpointCache("localhost", "p", 1, TimeSpan.Zero));
    }

    [Fact]
    public async Task Calls_ScriptsFlushed_GoOn()
    {
        var sut = await CreateSut();
        var db = await BehindAsync();
        for (var i = 1; i <= 20; i++)
        {
            await db.ExecuteAsync("SCRIPT", "FLUSH");
            var saves = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => SaveAsync(sut, Make("e", $"{i}-{n}"))));
            saves.Select(save => save.Sequence).Order().ShouldBe(Enumerable.Range(((i - 1) * 20) + 1, 20).Select(n => (long)n));
            await db.ExecuteAsync("SCRIPT", "FLUSH");
            (await LatestAsync(sut, "e")).ShouldStartWith($"{i}-");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClearAsync_Settled_LeavesOnlyTheTombstoneWhichExpires(bool limited)
    {
        var sut = await CreateSut();
        var policy = limited ? new CacheRetention(Hour, true, 2) : default;
        var keep = TimeSpan.FromSeconds(8);
        List<PendingMark> marks = [];
        foreach (var ns in new[] { "", "x", "y" })
        {
            for (var i = 0; i < 4; i++)
            {
                marks.Add(MarkOf(Make("e", $"{i}", ns), (await SaveAsync(sut, Make("e", $"{i}", ns), 1, policy)).Sequence, policy));
            }
        }

        await sut.DeleteAsync(new("e", "x", "9"), 0, true, keep, default);
        await sut.SettleAsync(marks[..5], default);
        var cleared = await sut.ClearAsync("e", 1, false, keep, default);
        await sut.SettleAsync(marks[5..], default);
        (await SettleAsync(sut, new PendingMark(PendingKind.Clear, new("e", "", ""), cleared, default))).ShouldBeEmpty();

        (await KeysAsync()).ShouldBe([$"{_prefix}:config", $"{{{_prefix}:{ShardHash.Of("e", Shards)}}}:t:e"], ignoreOrder: true);
        await UntilAsync(async () => (await KeysAsync()) is [var config] && config == $"{_prefix}:config");
    }

    [Fact]
    public async Task Ttl_AllExpired_LeavesOnlyTheExecutionsName()
    {
        var sut = await CreateSut();
        var policy = new CacheRetention(TimeSpan.FromMilliseconds(200), true, 2);
        await PutAsync(sut, Make("e", "1"), 5, pending: false, policy);
        await UntilAsync(async () => (await KeysAsync()).Count == 2);
        (await KeysAsync()).ShouldContain($"{{{_prefix}:{ShardHash.Of("e", Shards)}}}:e");

        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBeEmpty();
        (await KeysAsync()).ShouldBe([$"{_prefix}:config"]);
    }

    [Fact]
    public async Task SaveAsync_ExecutionsExpire_NamesDoNotPileUp()
    {
        var sut = Own(new RedisCheckpointCache(RedisServer.Shared, _prefix, 1, Timeout));
        var policy = new CacheRetention(TimeSpan.FromMilliseconds(1), false, 0);
        for (var i = 0; i < 500; i++)
        {
            await PutAsync(sut, Make($"{i:D6}", "1"), 5, pending: false, policy);
        }

        (await (await BehindAsync()).SortedSetLengthAsync($"{{{_prefix}:0}}:e")).ShouldBeLessThan(250);
    }

    [Fact]
    public async Task SaveAsync_Steady_TakesFiveCommands()
    {
        await using var server = await RedisServer.StartAsync();
        var sut = Own(new RedisCheckpointCache(server.ConnectionString, _prefix, Shards, Timeout));
        await using var behind = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString + ",allowAdmin=true").AsOwned();
        await SaveAsync(sut, Make("e", "first"));
        var redis = behind.Connection.GetServer(server.ConnectionString);
        await redis.ConfigResetStatisticsAsync();

        for (var i = 0; i < 100; i++)
        {
            await SaveAsync(sut, Make("e", $"{i}"));
        }

        var calls = (await redis.InfoAsync("commandstats")).SelectMany(group => group)
            .ToDictionary(line => line.Key["cmdstat_".Length..], line => line.Value.Split([',', '='])[1]);
        string[] ofConnections = ["info", "ping", "select", "config|", "client|", "echo", "get", "hello", "subscribe", "cluster"];
        calls.Where(call => !ofConnections.Any(name => call.Key == name || (name.EndsWith('|') && call.Key.StartsWith(name, StringComparison.Ordinal)))).ShouldBe(
            [new("evalsha", "100"), new("hmget", "100"), new("hset", "100"), new("time", "100"), new("zadd", "200")], ignoreOrder: true);
    }

    [Theory]
    [InlineData('h')]
    [InlineData('z')]
    public async Task Calls_WrongType_AreFormatExceptions(char kind)
    {
        var sut = await CreateSut();
        await (await BehindAsync()).StringSetAsync(KeyOf(kind, "e\u001F"), "x");

        await Should.ThrowAsync<CheckpointFormatException>(() => SaveAsync(sut, Make("e", "1")));
        await Should.ThrowAsync<CheckpointFormatException>(() => PutAsync(sut, Make("e", "1"), 1, pending: true));
        (await Should.ThrowAsync<CheckpointFormatException>(
            () => kind == 'h' ? sut.LoadAsync(new("e", "1"), default) : sut.LoadLatestAsync("e", "", default))).IsTransient.ShouldBeFalse();
        (await SaveAsync(sut, Make("f", "1"))).Sequence.ShouldBe(1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("123456789012345x01234567890123456789012345678901record")]
    [InlineData("-00000000000000501234567890123456789012345678901record")]
    public async Task Reads_DamagedPayload_AreFormatExceptions(string payload)
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 5);
        await (await BehindAsync()).HashSetAsync(KeyOf('h', "e\u001F"), "1", payload);

        await Should.ThrowAsync<CheckpointFormatException>(() => sut.LoadAsync(new("e", "1"), default));
        await Should.ThrowAsync<CheckpointFormatException>(() => sut.LoadLatestAsync("e", "", default));

        // A listing hands it on: it throws where it is decoded, and its neighbours are there.
        await SaveAsync(sut, Make("e", "2"), 6);
        var listed = await sut.ListAsync(new() { ExecutionId = "e", OldestFirst = true }, null, default);
        listed.Select(item => item.Sequence).ShouldBe([5, 6]);
        Should.Throw<CheckpointFormatException>(() => Decode(listed[0]));
        await sut.SettleAsync([MarkOf(Make("e", "2"), 6)], default);

        // A rescue hands it on to the dead letters and does not stop.
        (await PendingAsync(sut)).ShouldHaveSingleItem().Record.ToArray().ShouldBe(Encoding.UTF8.GetBytes(payload));
    }

    [Theory]
    [InlineData(true, false, "3,4,5,2")]
    [InlineData(true, true, "3,4,5")]
    [InlineData(false, false, "3,2,1")]
    [InlineData(false, true, "3,2,1")]
    public async Task Cursor_LastSeenChangesBetweenTwoParts_SkipsNothing(bool oldestFirst, bool isDeleted, string expected)
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 5; i++)
        {
            await SaveAsync(sut, Make("e", $"{i}"), i);
        }

        await using var redis = new RedisConnection(RedisServer.Shared, Timeout);
        var cursor = CursorOf(redis, oldestFirst);
        await cursor.MoveNextAsync(default);
        await cursor.MoveNextAsync(default);
        var seen = cursor.Current!.Value.Id;
        if (isDeleted)
        {
            await sut.DeleteAsync(new("e", seen), 0, false, Hour, default);
        }
        else
        {
            await SaveAsync(sut, Make("e", seen, state: "new"), 9);
        }

        (await RestAsync(cursor)).ShouldBe(expected);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cursor_MoreOfOneSequenceThanAPartHolds_ListsAll(bool oldestFirst)
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 9; i++)
        {
            await PutAsync(sut, Make("e", $"{i}"), i is > 1 and < 9 ? 5 : i, pending: true);
        }

        await using var redis = new RedisConnection(RedisServer.Shared, Timeout);
        var ids = await RestAsync(CursorOf(redis, oldestFirst));
        ids.ShouldBe(oldestFirst ? "1,2,3,4,5,6,7,8,9" : "9,8,7,6,5,4,3,2,1");
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("1234567890123456 x")]
    [InlineData("abcdefghijklmnop")]
    public async Task SaveAsync_DamagedState_IsFormatException(string state)
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 5);
        await (await BehindAsync()).HashSetAsync(KeyOf('h', "e\u001F"), "\u0001", state);

        await Should.ThrowAsync<CheckpointFormatException>(() => SaveAsync(sut, Make("e", "2"), 6));
        await Should.ThrowAsync<CheckpointFormatException>(() => SaveAsync(sut, Make("e", "2"), 6, new(Hour, false, 1)));
    }

    [Fact]
    public async Task ListPendingAsync_ForeignMembers_AreRemoved()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 5);
        var pending = KeyOf('p', null);
        var elsewhere = Enumerable.Range(0, 1000).Select(i => $"e{i}").First(id => ShardHash.Of(id, Shards) != ShardHash.Of("e", Shards));
        foreach (var (member, score) in new[]
        {
            ("nonsense", 1),
            ("q\u001Fe\u001F\u001F1\u001F5", double.NegativeInfinity),
            ("s\u001Fe\u001F\u001F1\u001Fx", 3),
            ("s\u001Fe\u001F\u001F1\u001F5", 4),
            ("s\u001Fe\u001F\u001F1\u001F9223372036854775807", 4),
            ($"s\u001F{elsewhere}\u001F\u001F1\u001F0000000000000005", 5),
        })
        {
            await (await BehindAsync()).SortedSetAddAsync(pending, member, score);
        }

        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(7);
        (await sut.ListPendingAsync(ShardHash.Of("e", Shards), DateTimeOffset.UnixEpoch.AddDays(1), 2, default)).ShouldHaveSingleItem().Mark.ShouldBe(MarkOf(Make("e", "1"), 5));
        (await (await BehindAsync()).SortedSetLengthAsync(pending)).ShouldBe(1);
    }

    [Fact]
    public async Task ListPendingAsync_LargeCheckpoints_GivesAsManyAsFit()
    {
        var sut = await CreateSut();
        var before = DateTimeOffset.UnixEpoch.AddDays(1);
        var state = new string('x', 10 * 1024 * 1024);
        for (var i = 1; i <= 5; i++)
        {
            await SaveAsync(sut, Make("e", $"{i}", state: i == 1 ? state + state + state + state : state), i);
        }

        var pages = new List<int>();
        while (await sut.ListPendingAsync(ShardHash.Of("e", Shards), before, 10, default) is { Count: > 0 } page)
        {
            page.ShouldAllBe(entry => !entry.Record.IsEmpty);
            (await sut.SettleAsync([.. page.Select(entry => entry.Mark)], default)).ShouldBeEmpty();
            pages.Add(page.Count);
        }

        pages.ShouldBe([1, 3, 1]);
    }

    [Fact]
    public async Task ListPendingShardsAsync_KeyOfAnotherType_IsAmongThem()
    {
        var sut = await CreateSut();
        await (await BehindAsync()).StringSetAsync(KeyOf('p', null), "text");

        (await sut.ListPendingShardsAsync(DateTimeOffset.UnixEpoch, default)).ShouldBe([ShardHash.Of("e", Shards)]);
    }

    [Fact]
    public async Task SaveAsync_HashEvicted_StartsAnewAboveTheOld()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 50);
        await (await BehindAsync()).KeyDeleteAsync(KeyOf('h', "e\u001F"));

        (await sut.LoadLatestAsync("e", "", default)).Status.ShouldBe(CacheReadStatus.Unknown);
        (await SaveAsync(sut, Make("e", "2"), 1)).Sequence.ShouldBe(51);
        (await IdsAsync(sut, All("e"))).ShouldBe("2");
    }

    private protected override ICheckpointCache Create(string name = "") =>
        new RedisCheckpointCache(RedisServer.Shared, _prefix + name, Shards, Timeout);

    private protected override ICheckpointCache Another(ICheckpointCache sut) => Own(Create());

    private protected override async Task UntilAsync(Func<Task<bool>> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
            await Task.Delay(20);
        }
    }

    private RedisKey KeyOf(char kind, string? name) =>
        $"{{{_prefix}:{ShardHash.Of("e", Shards)}}}:{kind}{(name is null ? "" : ":" + name)}";

    private RedisStreamCursor CursorOf(RedisConnection redis, bool oldestFirst) => new(
        redis, new RedisLayout(_prefix, Shards), ShardHash.Of("e", Shards), new() { ExecutionId = "e", OldestFirst = oldestFirst }, "", null, 2);

    private static async Task<string> RestAsync(RedisStreamCursor cursor)
    {
        var rest = new List<string>();
        while (true)
        {
            await cursor.MoveNextAsync(default);
            if (cursor.Current is not { } position)
            {
                return string.Join(',', rest);
            }

            rest.Add(position.Id);
        }
    }

    private async Task<IDatabase> BehindAsync()
    {
        _behind ??= await ConnectionMultiplexer.ConnectAsync(RedisServer.Shared + ",syncTimeout=30000");
        return _behind.GetDatabase();
    }

    private async Task<List<string>> KeysAsync()
    {
        var db = await BehindAsync();
        var server = db.Multiplexer.GetServer(RedisServer.Shared);
        return [.. server.Keys(pattern: $"*{_prefix}:*", pageSize: 1000).Select(key => (string)key!).Distinct()]; // SCAN may name a key twice.
    }
}
