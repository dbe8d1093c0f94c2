using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Faults;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Caching;

/// <summary>What becomes of many saves at once. A Redis that stands still answers none of the first ones, so the others wait.</summary>
public sealed class RedisSaveGroupsTests
{
    private const int Count = 100;
    private const int Shards = 16;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task SaveAsync_ManyAtOnce_GoTogetherAndEachIsThere()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = await CreateSut(server);
        await using var behind = await ConnectAsync(server);

        var saves = await WhileStandingAsync(server, () => Task.WhenAll(Enumerable.Range(0, Count).Select(i => SaveAsync(sut, $"e{i}", "1", i + 1))));

        saves.ShouldBe(Enumerable.Range(0, Count).Select(i => new CacheSave(i + 1, false, false, null)));
        (await CallsOfScriptsAsync(behind.Connection)).ShouldBe(8 + 2); // 8 by themselves, then 64 and 28.
        for (var i = 0; i < Count; i++)
        {
            var latest = await sut.LoadLatestAsync($"e{i}", "", default);
            latest.Checkpoint.Sequence.ShouldBe(i + 1);
            CheckpointCodec.Decode(latest.Checkpoint.Record, i + 1).State.ToArray().ShouldBe(State($"e{i}", "1"));
        }

        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(Count);
    }

    [Fact]
    public async Task SaveAsync_LargeStates_DoNotWait()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = await CreateSut(server);
        await using var behind = await ConnectAsync(server);

        await WhileStandingAsync(server, () => Task.WhenAll(Enumerable.Range(0, Count).Select(i => SaveAsync(sut, "e", $"{i}", i + 1, size: 40_000))));

        (await CallsOfScriptsAsync(behind.Connection)).ShouldBe(Count);
    }

    [Fact]
    public async Task Calls_NotAwaited_KeepTheirOrder()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = await CreateSut(server);
        var policy = new CacheRetention(null, false, 1000);

        var sequences = await WhileStandingAsync(server, () =>
        {
            // The proposals are all the same, so that the order of arrival decides.
            List<Task<long>> calls = [];
            for (var i = 0; i < Count; i++)
            {
                calls.Add((i % 10) switch
                {
                    3 => sut.DeleteAsync(new CheckpointKey("e", $"{i - 1}"), 5, isFixed: false, Hour, default),
                    6 => SequenceAsync(SaveAsync(sut, "e", $"{i}", 5, policy)),
                    7 => SequenceAsync(SaveAsync(sut, "e", $"{i}", 5, expected: $"{i - 1}")),
                    9 when i == 59 => sut.ClearAsync("e", 5, isFixed: false, Hour, default),
                    _ => SequenceAsync(SaveAsync(sut, "e", $"{i}", 5)),
                });
            }

            return Task.WhenAll(calls);
        });

        sequences.ShouldBe(Enumerable.Range(0, Count).Select(i => 5L + i));
        var left = await sut.ListAsync(new() { ExecutionId = "e", OldestFirst = true, Limit = 1000 }, null, default);
        left.Select(c => c.Sequence - 5).ShouldBe(Enumerable.Range(60, 40).Where(i => i % 10 is not (2 or 3)).Select(i => (long)i));
    }

    [Fact]
    public async Task SaveAsync_OneKeyIsDamaged_TheOthersAreSaved()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = await CreateSut(server);
        await using var behind = await ConnectAsync(server);
        var layout = new RedisLayout("p", Shards);
        var redis = behind.Connection.GetDatabase();
        await redis.StringSetAsync(layout.StreamKey(layout.ShardOf("e20"), 'h', "e20", ""), "x");
        await redis.HashSetAsync(layout.StreamKey(layout.ShardOf("e30"), 'h', "e30", ""), RedisFormat.MetaField, "nonsense");

        var saves = await WhileStandingAsync(server, () => SettleAllAsync(Enumerable.Range(0, Count).Select(i => SaveAsync(sut, $"e{i}", "1", i + 1))));

        for (var i = 0; i < Count; i++)
        {
            if (i is 20 or 30)
            {
                saves[i].Exception!.InnerException.ShouldBeOfType<CheckpointFormatException>().Message.ShouldContain(i == 20 ? "WRONGTYPE" : "corrupt stream state");
            }
            else
            {
                (await saves[i]).ShouldBe(new CacheSave(i + 1, false, false, null));
            }
        }

        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(Count - 2);
    }

    [Fact]
    public async Task SaveAsync_RedisIsFull_EachIsRefused()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = await CreateSut(server);
        await using var behind = await ConnectAsync(server);
        await behind.Connection.GetServers()[0].ConfigSetAsync("maxmemory", "1");

        var saves = await WhileStandingAsync(server, () => SettleAllAsync(Enumerable.Range(0, Count).Select(i => SaveAsync(sut, $"e{i}", "1", i + 1))));

        foreach (var save in saves)
        {
            var refused = save.Exception!.InnerException.ShouldBeOfType<CheckpointUnavailableException>();
            (refused.IsRefusal, refused.Message.Contains("OOM", StringComparison.Ordinal)).ShouldBe((true, true), refused.Message);
        }
    }

    [Fact]
    public async Task SaveAsync_NoAnswer_WhoWaitsBehindIsNotSent()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = await CreateSut(server, TimeSpan.FromSeconds(1));
        await using var behind = await ConnectAsync(server);

        await server.RunAsync("pause");
        var saves = await SettleAllAsync(Enumerable.Range(0, Count).Select(i => SaveAsync(sut, $"e{i}", "1", i + 1)));
        await server.RunAsync("resume");

        saves.ShouldAllBe(save => save.Exception!.InnerException is CheckpointUnavailableException);
        (await CallsOfScriptsAsync(behind.Connection)).ShouldBe(8);
        (await SaveAsync(sut, "e", "1", 1)).Sequence.ShouldBe(1);
        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(1); // The eight came too late.
    }

    [Fact]
    public async Task Calls_OfACluster_EachGoesToItsNode()
    {
        var ports = FreePorts(3);
        await using var first = await ServerSet.StartAsync(ServerKind.Redis, Cluster(ports[0]));
        await using var second = await ServerSet.StartAsync(ServerKind.Redis, Cluster(ports[1]));
        await using var third = await ServerSet.StartAsync(ServerKind.Redis, Cluster(ports[2]));
        await JoinAsync([first.Redis, second.Redis, third.Redis], ports);
        await using var sut = new RedisCheckpointCache(first.Redis, "p", Shards, Timeout);
        await sut.InitializeAsync(default);

        for (var round = 0; round < 2; round++)
        {
            var saves = await Task.WhenAll(Enumerable.Range(0, Count).Select(i => SaveAsync(sut, $"e{i}", $"{round}", 5)));
            saves.ShouldAllBe(save => !save.Unchanged && save.Sequence == 5 + round);
        }

        await sut.ClearAsync("e7", 100, isFixed: false, Hour, default);
        (await sut.LoadLatestAsync("e7", "", default)).Status.ShouldNotBe(CacheReadStatus.Found);
        for (var i = 8; i < Count; i++)
        {
            (await sut.LoadLatestAsync($"e{i}", "", default)).Checkpoint.Sequence.ShouldBe(6);
        }

        foreach (var node in new[] { first.Redis, second.Redis, third.Redis })
        {
            await using var behind = await ConnectionMultiplexer.ConnectAsync(node + ",allowAdmin=true").AsOwned();
            (await behind.Connection.GetServer(node).DatabaseSizeAsync()).ShouldBeGreaterThan(10, "each has a part");
        }
    }

    [Fact]
    public async Task Calls_ServerRefusesSeveralSlots_EachGoesByItselfInOrder()
    {
        // As behind a proxy: the client library is not to know that it is a cluster.
        await using var node = await ServerSet.StartAsync(ServerKind.Redis, Cluster(FreePorts(1)[0]));
        await using var behind = await ConnectionMultiplexer.ConnectAsync(node.Redis + ",allowAdmin=true").AsOwned();
        var server = behind.Connection.GetServer(node.Redis);
        await server.ExecuteAsync("CLUSTER", "ADDSLOTSRANGE", 0, 16383);
        await FaultLab.UntilAsync(async () => ((string)(await server.ExecuteAsync("CLUSTER", "INFO"))!).Contains("cluster_state:ok"), "the cluster");
        await using var sut = new RedisCheckpointCache(node.Redis + ",$CLUSTER=,$INFO=", "p", Shards, Timeout);
        await sut.InitializeAsync(default);

        await node.PauseAsync(ServerKind.Redis);
        var saves = Enumerable.Range(0, Count).Select(i => SequenceAsync(SaveAsync(sut, $"e{i}", "1", 5))).ToArray();
        var deletions = Enumerable.Range(0, Count).Select(i => sut.DeleteAsync(new CheckpointKey($"e{i}", "1"), 5, isFixed: false, Hour, default)).ToArray();
        await node.ResumeAsync(ServerKind.Redis);

        (await Task.WhenAll(saves)).ShouldAllBe(sequence => sequence == 5);
        (await Task.WhenAll(deletions)).ShouldAllBe(sequence => sequence == 6);
    }

    [Fact]
    public async Task SaveAsync_NoRightToLearnTheServersId_EachGoesByItself()
    {
        await using var server = await RedisServer.StartAsync();
        await using var behind = await ConnectAsync(server);
        await behind.Connection.GetDatabase().ExecuteAsync("ACL", "SETUSER", "app", "on", ">secret", "~{p:*", "~p:config", "+@all", "-info");
        await using var sut = await CreateSut(server, user: ",user=app,password=secret");
        await behind.Connection.GetServers()[0].ConfigResetStatisticsAsync();

        var saves = await WhileStandingAsync(server, () => Task.WhenAll(Enumerable.Range(0, Count).Select(i => SaveAsync(sut, $"e{i}", "1", i + 1))));

        saves.ShouldBe(Enumerable.Range(0, Count).Select(i => new CacheSave(i + 1, false, false, null)));
        (await CallsOfScriptsAsync(behind.Connection)).ShouldBe(Count);
    }

    [Fact]
    public async Task SaveAsync_CallersContextIsDead_OthersAreSaved()
    {
        await using var server = await RedisServer.StartAsync();
        await using var sut = await CreateSut(server);

        await WhileStandingAsync(server, () =>
        {
            var context = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(new DeadContext());
            var saves = Enumerable.Range(0, Count).Select(i => SaveAsync(sut, $"e{i}", "1", i + 1)).ToArray();
            SynchronizationContext.SetSynchronizationContext(context);
            return Task.WhenAll(saves);
        }).WaitAsync(Timeout);

        (await SaveAsync(sut, "e", "1", 1000)).Sequence.ShouldBe(1000);
    }

    private static async Task<RedisCheckpointCache> CreateSut(RedisServer server, TimeSpan? timeout = null, string user = "")
    {
        var sut = new RedisCheckpointCache(server.ConnectionString + user, "p", Shards, timeout ?? Timeout);
        await sut.InitializeAsync(default);

        // The scripts are known from here on.
        await SaveAsync(sut, "first", "1", 1);
        await sut.SettleAsync([new PendingMark(PendingKind.Save, new CheckpointKey("first", "1"), 1, default)], default);
        return sut;
    }

    private static async Task<T> WhileStandingAsync<T>(RedisServer server, Func<Task<T>> calls)
    {
        await server.RunAsync("pause");
        var called = calls();
        await server.RunAsync("resume");
        return await called;
    }

    private static async Task<Task<CacheSave>[]> SettleAllAsync(IEnumerable<Task<CacheSave>> saves)
    {
        var all = saves.ToArray();
        await Task.WhenAll(all).ContinueWith(_ => { }, TaskScheduler.Default);
        return all;
    }

    private static async Task<long> SequenceAsync(Task<CacheSave> save) => (await save).Sequence;

    private static Task<CacheSave> SaveAsync(
        RedisCheckpointCache sut, string execution, string id, long sequence, CacheRetention policy = default, string? expected = null, int size = 0) => sut.SaveAsync(
            CheckpointCodec.Encode(new() { ExecutionId = execution, Id = id, State = State(execution, id, size) }), sequence, policy, expected, default);

    private static byte[] State(string execution, string id, int size = 0) => Encoding.UTF8.GetBytes($"{execution}/{id}".PadRight(size));

    /// <summary>A connection of the test's own, that does not time out while the server stands still; what scripts were called is counted from here on.</summary>
    private static async Task<OwnedConnection> ConnectAsync(RedisServer server)
    {
        var made = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString + ",allowAdmin=true,asyncTimeout=60000,syncTimeout=60000").AsOwned();
        await made.Connection.GetServers()[0].ConfigResetStatisticsAsync();
        return made;
    }

    private static async Task<int> CallsOfScriptsAsync(ConnectionMultiplexer redis) =>
        (await redis.GetServers()[0].InfoAsync("commandstats")).SelectMany(group => group).Where(line => line.Key is "cmdstat_evalsha" or "cmdstat_eval")
            .Sum(line => int.Parse(line.Value.Split([',', '='])[1], CultureInfo.InvariantCulture));

    private static ServerSettings Cluster(int bus) => new() { RedisArguments = $"--cluster-enabled yes --cluster-port {bus}" };

    private static int[] FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(listener => listener.Start());
        int[] ports = [.. listeners.Select(listener => ((IPEndPoint)listener.LocalEndpoint).Port)];
        listeners.ForEach(listener => listener.Stop());
        return ports;
    }

    private static async Task JoinAsync(string[] nodes, int[] buses)
    {
        var slots = 0;
        for (var i = 0; i < nodes.Length; i++)
        {
            await using var node = await ConnectionMultiplexer.ConnectAsync(nodes[i] + ",allowAdmin=true").AsOwned();
            var server = node.Connection.GetServer(nodes[i]);
            var end = 16384 * (i + 1) / nodes.Length;
            await server.ExecuteAsync("CLUSTER", "ADDSLOTSRANGE", slots, end - 1);
            slots = end;
            await server.ExecuteAsync("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
            if (i > 0)
            {
                await server.ExecuteAsync("CLUSTER", ["MEET", .. nodes[0].Split(':'), buses[0]]);
            }
        }

        foreach (var address in nodes)
        {
            await using var node = await ConnectionMultiplexer.ConnectAsync(address + ",allowAdmin=true").AsOwned();
            var server = node.Connection.GetServer(address);
            await FaultLab.UntilAsync(
                async () => (string)(await server.ExecuteAsync("CLUSTER", "INFO"))! is var info && info.Contains("cluster_state:ok") && info.Contains("cluster_known_nodes:3"),
                "the cluster");
        }
    }

    /// <summary>Of a window that is closed, or a thread that is blocked.</summary>
    private sealed class DeadContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }
}
