using System.Diagnostics;
using System.Net;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Caching;

public sealed class RedisOutageTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);
    private static readonly Checkpoint Some = new() { ExecutionId = "e", Id = "1", State = new byte[] { 1 } };

    [Fact]
    public async Task Calls_ServerKilled_AreUnavailableInTimeAndRecover()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = new RedisCheckpointCache(server.ConnectionString, "p", 4, Timeout);
        await RecoversAsync(sut);
        await sut.InitializeAsync(default);

        await server.RunAsync("kill");
        await ShouldBeUnavailableAsync(() => SaveAsync(sut, "2"));
        await ShouldBeUnavailableAsync(() => sut.LoadLatestAsync("e", "", default));
        await ShouldBeUnavailableAsync(() => sut.ListAsync(new() { ExecutionId = "e" }, null, default));
        await ShouldBeUnavailableAsync(() => sut.GetPendingStatsAsync(default));
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => ShouldBeUnavailableAsync(() => SaveAsync(sut, $"{i}"))));

        await server.RunAsync("start");
        await RecoversAsync(sut);
        (await sut.LoadLatestAsync("e", "", default)).Status.ShouldBe(CacheReadStatus.Found);
    }

    /// <summary>What waited for a connection would reach Redis late, and behind what was called over the next one.</summary>
    [Fact]
    public async Task Calls_ConnectionIsLost_DoNotWaitForTheNext()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = new RedisCheckpointCache(server.ConnectionString + ",asyncTimeout=120000", "p", 4, TimeSpan.FromMinutes(2));
        await RecoversAsync(sut);
        var interruptions = sut.Interruptions;
        var watch = Stopwatch.StartNew();

        await server.RunAsync("kill");
        while (sut.Interruptions == interruptions)
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), "the loss is noticed");
            await Task.Delay(20);
        }

        await ShouldBeUnavailableAsync(() => SaveAsync(sut, "2").WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Calls_ServerStartsLater_RecoverByThemselves()
    {
        await using var server = await RedisServer.StartAsync();
        await server.RunAsync("kill");
        await using var sut = new RedisCheckpointCache(server.ConnectionString, "p", 4, Timeout);
        await ShouldBeUnavailableAsync(() => sut.InitializeAsync(default));
        await ShouldBeUnavailableAsync(() => SaveAsync(sut, "1"));

        await server.RunAsync("start");
        await RecoversAsync(sut);
        await sut.InitializeAsync(default);
    }

    [Fact]
    public async Task Calls_ServerHangs_EndInTime()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = new RedisCheckpointCache(server.ConnectionString, "p", 4, Timeout);
        await RecoversAsync(sut);

        await server.RunAsync("pause");
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => ShouldBeUnavailableAsync(() => SaveAsync(sut, $"{i}"))));
        using var cancelled = new CancellationTokenSource(100);
        await Should.ThrowAsync<OperationCanceledException>(() => sut.LoadLatestAsync("e", "", cancelled.Token));

        await server.RunAsync("resume");
        await RecoversAsync(sut);
    }

    /// <summary>As when its machine loses power: no reset, no end, and the operating system tries for a quarter of an hour.</summary>
    [Fact]
    public async Task Calls_ServerGoneWithoutAWord_GoOverAnotherConnection()
    {
        await using var proxy = TcpProxy.Start(RedisServer.Shared);
        await using var sut = new RedisCheckpointCache(proxy.ConnectionString, $"t{Guid.NewGuid():N}", 4, TimeSpan.FromSeconds(1));
        await RecoversAsync(sut);
        var (interruptions, accepted) = (sut.Interruptions, proxy.Accepted);

        proxy.Forsake();
        await ShouldBeUnavailableAsync(() => SaveAsync(sut, "1"));
        await RecoversAsync(sut);

        sut.Interruptions.ShouldBeGreaterThan(interruptions);
        proxy.Accepted.ShouldBeGreaterThan(accepted);
        (await sut.LoadLatestAsync("e", "", default)).Status.ShouldBe(CacheReadStatus.Found);
    }

    /// <summary>In case that the library does not try any more, which cannot be brought about.</summary>
    [Fact]
    public async Task Calls_NoConnectionForLong_MakeAnother()
    {
        await using var proxy = TcpProxy.Start(RedisServer.Shared);
        await using var sut = new RedisCheckpointCache(proxy.ConnectionString, $"t{Guid.NewGuid():N}", 4, TimeSpan.FromMilliseconds(250));
        await RecoversAsync(sut);
        var lost = sut.Interruptions + 2; // The library tells it of its two connections, once.
        var watch = Stopwatch.StartNew();
        await proxy.CutAsync();
        while (sut.Interruptions <= lost)
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(90), "another is made, again and again");
            await ShouldBeUnavailableAsync(() => SaveAsync(sut, "1"));
            await Task.Delay(100);
        }

        proxy.Restore();
        await RecoversAsync(sut);
    }

    [Fact]
    public async Task Calls_SentinelPromotesAnother_GoThere()
    {
        await using var first = await RedisServer.StartAsync();
        await using var second = await RedisServer.StartAsync();
        await using var behind = await ConnectionMultiplexer.ConnectAsync(second.ConnectionString + ",allowAdmin=true").AsOwned();
        await behind.Connection.GetServer(second.ConnectionString).ReplicaOfAsync(IPEndPoint.Parse(first.ConnectionString));
        await using var sentinel = await RedisSentinel.StartAsync(first.ConnectionString);
        await using var sut = new RedisCheckpointCache(sentinel.ConnectionString, "p", 4, Timeout);
        await RecoversAsync(sut);
        await SaveAsync(sut, "before");
        var layout = new RedisLayout("p", 4);
        var hash = layout.StreamKey(layout.ShardOf("e"), 'h', "e", "");
        var watch = Stopwatch.StartNew();
        while (!await behind.Connection.GetDatabase().HashExistsAsync(hash, "before"))
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(60), "the replica has it");
            await Task.Delay(50);
        }

        await first.RunAsync("kill");
        await RecoversAsync(sut);

        (await sut.LoadAsync(new CheckpointKey("e", "before"), default)).Status.ShouldBe(CacheReadStatus.Found);
    }

    [Fact]
    public async Task Calls_UserOfAnAccessList_AreAllowed()
    {
        await using var server = await RedisServer.StartAsync();
        await using var behind = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString + ",allowAdmin=true").AsOwned();
        await behind.Connection.GetDatabase().ExecuteAsync("ACL", "SETUSER", "app", "on", ">secret", "~{p:*", "~p:config", "+@all");
        await behind.Connection.GetDatabase().ExecuteAsync("ACL", "SETUSER", "default", "off");
        await using var sut = new RedisCheckpointCache(server.ConnectionString + ",user=app,password=secret", "p", 4, Timeout);
        await using var wrong = new RedisCheckpointCache(server.ConnectionString + ",user=app,password=other", "p", 4, Timeout);

        await sut.InitializeAsync(default);
        await SaveAsync(sut, "1");
        (await sut.LoadLatestAsync("e", "", default)).Status.ShouldBe(CacheReadStatus.Found);
        await ShouldBeUnavailableAsync(() => SaveAsync(wrong, "2"));
    }

    [Fact]
    public async Task Calls_NoSuchHost_AreUnavailable()
    {
        await using var sut = new RedisCheckpointCache("no-such-host.invalid:6379", "p", 4, Timeout);
        await ShouldBeUnavailableAsync(() => SaveAsync(sut, "1"));
        await ShouldBeUnavailableAsync(() => SaveAsync(sut, "1"));
    }

    [Theory]
    [InlineData("maxmemory", "1", "OOM")]
    [InlineData("min-replicas-to-write", "1", "NOREPLICAS")]
    public async Task SaveAsync_ServerRefuses_IsUnavailableUntilItDoesNot(string setting, string value, string code)
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = new RedisCheckpointCache(server.ConnectionString, "p", 4, Timeout);
        await RecoversAsync(sut);
        await using var behind = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString + ",allowAdmin=true").AsOwned();
        var redis = behind.Connection.GetServer(server.ConnectionString);

        await redis.ConfigSetAsync(setting, value);
        (await Should.ThrowAsync<CheckpointUnavailableException>(() => SaveAsync(sut, "2"))).Message.ShouldContain(code);
        (await Should.ThrowAsync<CheckpointUnavailableException>(() => SaveAsync(sut, "3", new(null, false, 5), "other"))).Message.ShouldContain(code);
        (await sut.LoadLatestAsync("e", "", default)).Status.ShouldBe(CacheReadStatus.Found);

        await redis.ConfigSetAsync(setting, "0");
        await RecoversAsync(sut);
    }

    [Theory]
    [InlineData("return redis.error_reply('LOADING Redis is loading the dataset in memory')", true)]
    [InlineData("return redis.error_reply('READONLY You can not write against a read only replica.')", true)]
    [InlineData("return redis.error_reply('MISCONF Redis is configured to save RDB snapshots')", true)]
    [InlineData("return redis.error_reply('CLUSTERDOWN Hash slot not served')", true)]
    [InlineData("return redis.error_reply('ERR Error running script (call to f_0): @user_script:5: -OOM command not allowed')", true)]
    [InlineData("return redis.error_reply('ERR max number of clients reached')", true)]
    [InlineData("redis.call('SET', KEYS[1], 'x') return redis.call('HGET', KEYS[1], 'x')", false)]
    [InlineData("return nil + 1", false)]
    public async Task Translate_Answer_SaysWhetherItPasses(string script, bool isTransient)
    {
        await using var behind = await ConnectionMultiplexer.ConnectAsync(RedisServer.Shared).AsOwned();
        var answer = await Should.ThrowAsync<RedisServerException>(
            () => behind.Connection.GetDatabase().ScriptEvaluateAsync(script, [$"translate-{Guid.NewGuid():N}"]));

        var translated = RedisErrors.Translate(answer, default).ShouldNotBeNull();
        translated.IsTransient.ShouldBe(isTransient);
        translated.ShouldBeOfType(isTransient ? typeof(CheckpointUnavailableException) : typeof(CheckpointFormatException));
    }

    private static Task<CacheSave> SaveAsync(RedisCheckpointCache sut, string id, CacheRetention policy = default, string execution = "e") =>
        sut.SaveAsync(CheckpointCodec.Encode(Some with { ExecutionId = execution, Id = id }), 1, policy, null, default);

    private static async Task ShouldBeUnavailableAsync(Func<Task> call)
    {
        var watch = Stopwatch.StartNew();
        var exception = await Should.ThrowAsync<CheckpointUnavailableException>(call);
        exception.IsTransient.ShouldBeTrue();
        watch.Elapsed.ShouldBeLessThan(Timeout + TimeSpan.FromSeconds(20));
    }

    private static async Task RecoversAsync(RedisCheckpointCache sut)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await SaveAsync(sut, "recovered");
                return;
            }
            catch (CheckpointUnavailableException) when (watch.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Task.Delay(50);
            }
        }
    }
}
