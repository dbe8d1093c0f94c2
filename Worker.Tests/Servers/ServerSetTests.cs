using System.Net.Sockets;
using Npgsql;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

public sealed class ServerSetTests
{
    [Fact]
    public async Task Redis_KilledAndStarted_KeepsPortAndData_AndWipeDeletesThem()
    {
        await using var sut = await ServerSet.StartAsync(ServerKind.Redis, new() { RedisAppendFsync = "always" });
        var before = sut.Redis;
        (await RedisAsync(before, db => db.StringSetAsync("a", "1"))).ShouldBeTrue();

        await sut.KillAsync(ServerKind.Redis);
        await Should.ThrowAsync<SocketException>(() => ConnectAsync(before));
        await sut.StartAsync(ServerKind.Redis);
        sut.Redis.ShouldBe(before);
        ((string?)await RedisAsync(before, db => db.StringGetAsync("a"))).ShouldBe("1");

        await Should.ThrowAsync<InvalidOperationException>(() => sut.WipeAsync(ServerKind.Redis));
        await sut.StopAsync(ServerKind.Redis);
        await sut.WipeAsync(ServerKind.Redis);
        await sut.StartAsync(ServerKind.Redis);
        (await RedisAsync(before, db => db.KeyExistsAsync("a"))).ShouldBeFalse();
    }

    [Fact]
    public async Task Postgres_KilledAndStarted_KeepsData()
    {
        await using var sut = await ServerSet.StartAsync(ServerKind.Postgres);
        await PostgresAsync(sut.Postgres, "CREATE TABLE t AS SELECT 7 AS a");
        await sut.KillAsync(ServerKind.Postgres);
        await sut.StartAsync(ServerKind.Postgres);
        (await PostgresAsync(sut.Postgres, "SELECT a FROM t")).ShouldBe(7);
    }

    [Fact]
    public async Task RabbitMq_KilledAndStarted_Accepts()
    {
        await using var sut = await ServerSet.StartAsync(ServerKind.RabbitMq);
        var address = new Uri(sut.RabbitMq);
        await sut.KillAsync(ServerKind.RabbitMq);
        await Should.ThrowAsync<SocketException>(() => ConnectAsync($"{address.Host}:{address.Port}"));
        await sut.StartAsync(ServerKind.RabbitMq);
        await ConnectAsync($"{address.Host}:{address.Port}");
    }

    [Fact]
    public async Task PauseAsync_AnsweringAgain_AfterResume()
    {
        await using var sut = await ServerSet.StartAsync(ServerKind.Redis);
        await using var client = new RawRedis(sut.Redis);
        await client.PingAsync();
        await sut.PauseAsync(ServerKind.Redis);
        var answer = client.PingAsync();
        await Should.ThrowAsync<TimeoutException>(() => answer.WaitAsync(TimeSpan.FromMilliseconds(100)));
        await sut.ResumeAsync(ServerKind.Redis);
        await answer.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task StartAsync_BadSetting_SaysWhatTheServerSaid() =>
        (await Should.ThrowAsync<InvalidOperationException>(() => ServerSet.StartAsync(ServerKind.Redis, new() { RedisAppendFsync = "perhaps" })))
            .Message.ShouldContain("appendfsync");

    [Fact]
    public async Task Shared_AllThree_Answer()
    {
        await using var client = new RawRedis(SharedServers.Redis);
        await client.PingAsync();
        var broker = new Uri(SharedServers.RabbitMq);
        await ConnectAsync($"{broker.Host}:{broker.Port}");
        (await PostgresAsync(SharedServers.Postgres, "SELECT 1")).ShouldBe(1);
    }

    private static async Task ConnectAsync(string endpoint)
    {
        using var client = new TcpClient();
        var parts = endpoint.Split(':');
        await client.ConnectAsync(parts[0], int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
    }

    private static async Task<T> RedisAsync<T>(string connectionString, Func<IDatabase, Task<T>> use)
    {
        using var connection = await ConnectionMultiplexer.ConnectAsync(connectionString);
        return await use(connection.GetDatabase());
    }

    private static async Task<object?> PostgresAsync(string connectionString, string sql)
    {
        // A pool would keep the connections of a server that was killed.
        await using var source = NpgsqlDataSource.Create($"{connectionString};Pooling=false");
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync();
    }
}
