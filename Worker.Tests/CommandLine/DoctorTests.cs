using System.Text.Json;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage;
using Npgsql;
using RabbitMQ.Client;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>Doctor finds what is wrong, and nothing where all is well.</summary>
public sealed partial class DoctorTests : IAsyncLifetime
{
    private readonly string _prefix = $"t{Guid.NewGuid():N}"[..20];
    private readonly Dictionary<string, string?> _settings = [];

    public async Task InitializeAsync()
    {
        _settings["ConnectionStrings__Redis"] = SharedServers.Redis;
        _settings["ConnectionStrings__RabbitMq"] = SharedServers.RabbitMq;
        _settings["ConnectionStrings__Postgres"] = new NpgsqlConnectionStringBuilder(await PostgresDatabase.CreateAsync()) { MaxPoolSize = 10 }.ToString();
        _settings["Checkpoints__Prefix"] = _prefix;
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task Healthy_EndsWith0()
    {
        var findings = await ShouldBeHealthyAsync();
        findings.Select(finding => finding.Part).Distinct().Order().ShouldBe(["postgres", "rabbitmq", "redis"]);
    }

    [Fact]
    public async Task Plain_IsColumnsWithTabs()
    {
        _settings["Checkpoints__TombstoneRetention"] = "40.00:00:00";
        var result = await CliProcess.RunAsync(["doctor"], _settings);
        result.ExitCode.ShouldBe(4);
        result.Output.Split('\n')[0].ShouldBe(
            "warning\tsettings\ttombstones\tWorker:TombstoneRetention is 30.00:00:00, less than Checkpoints:TombstoneRetention, 40.00:00:00.\t"
            + "Make the worker's at least as long, or a late message can bring back what was deleted.");
    }

    [Fact]
    public async Task Embedded_PlainAndJson_ToTheLetter()
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-doctor-");
        var data = $"--Worker:DataPath={folder.FullName}";
        (await CliProcess.RunAsync("doctor", data)).ShouldBe(new CliProcess.Result(
            0,
            """
            ok	settings	mode	Queue and cache are in the worker's process: for one machine.	-
            ok	sqlite	folder	It can be written.	-
            ok	sqlite	file	It does not exist yet; the worker makes it.	-

            """,
            ""));
        (await CliProcess.RunAsync("migrate", data)).ExitCode.ShouldBe(0);
        var newest = Migrations.Load("Sqlite", "", "")[^1].Version;
        (await CliProcess.RunAsync("doctor", "--json", data, "--Worker:TombstoneRetention=1.00:00:00")).ShouldBe(new CliProcess.Result(
            4,
            $$"""
            {"severity":"warning","part":"settings","check":"tombstones","message":"Worker:TombstoneRetention is 1.00:00:00, less than Checkpoints:TombstoneRetention, 7.00:00:00.","advice":"Make the worker's at least as long, or a late message can bring back what was deleted."}
            {"severity":"ok","part":"settings","check":"mode","message":"Queue and cache are in the worker's process: for one machine.","advice":null}
            {"severity":"ok","part":"sqlite","check":"folder","message":"It can be written.","advice":null}
            {"severity":"ok","part":"sqlite","check":"file","message":"It is sound.","advice":null}
            {"severity":"ok","part":"sqlite","check":"journal_mode","message":"wal","advice":null}
            {"severity":"ok","part":"sqlite","check":"schema","message":"Version {{newest}}","advice":null}

            """,
            ""));
        folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Redis_FourMisconfigurations_AreFound()
    {
        await using var servers = await ServerSet.StartAsync(
            ServerKind.Redis,
            new ServerSettings { RedisAppendFsync = "no", RedisArguments = "--maxmemory-policy allkeys-lru --maxmemory 100mb --appendonly no" });
        _settings["ConnectionStrings__Redis"] = servers.Redis;
        using var redis = await ConnectionMultiplexer.ConnectAsync(servers.Redis);
        await redis.GetDatabase().StringSetAsync($"{_prefix}:config", "1 64");
        await ShouldFindAsync(("redis", "maxmemory-policy"), ("redis", "appendfsync"), ("redis", "appendonly"), ("redis", "shard-count"));
    }

    [Fact]
    public async Task Postgres_FourMisconfigurations_AreFound()
    {
        await using var servers = await ServerSet.StartAsync(
            ServerKind.Postgres,
            new ServerSettings
            {
                PostgresArguments = "-c fsync=off -c synchronous_commit=off -c default_transaction_isolation=serializable -c max_connections=20",
            });
        _settings["ConnectionStrings__Postgres"] = new NpgsqlConnectionStringBuilder(servers.Postgres) { MaxPoolSize = 50 }.ToString();
        await ShouldFindAsync(
            ("postgres", "fsync"), ("postgres", "synchronous_commit"), ("postgres", "default_transaction_isolation"), ("postgres", "max_connections"));
    }

    [Theory]
    [InlineData("classic", 0, "queue-type")]
    [InlineData("quorum", 5, "delivery-limit")]
    public async Task RabbitMq_OtherQueue_IsFound(string type, int limit, string check)
    {
        var names = new QueueNames(_prefix);
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var arguments = RabbitMqTopology.CommandQueueArguments(names).ToDictionary(pair => pair.Name, pair => (object?)pair.Value);
        arguments["x-queue-type"] = type;
        if (limit > 0)
        {
            arguments["x-delivery-limit"] = limit;
        }
        else
        {
            arguments.Remove("x-delivery-limit");
            arguments.Remove("x-dead-letter-strategy");
        }

        await channel.QueueDeclareAsync(names.Commands, durable: true, exclusive: false, autoDelete: false, arguments);
        await ShouldFindAsync(("rabbitmq", check));
    }

    [Fact]
    public async Task RabbitMq_DeadCommands_AreFound()
    {
        await RawQueue.PublishDeadAsync(SharedServers.RabbitMq, _prefix);
        (await ExamineAsync()).Code.ShouldBe(0);
        await RawQueue.PublishDeadAsync(SharedServers.RabbitMq, _prefix, "command"u8.ToArray());

        // A broker that is busy for a quarter of a second says that a quorum queue has none.
        await Deployment.UntilAsync(async () => (await ExamineAsync()).Code == 4, "they are counted");
        await ShouldFindAsync(("rabbitmq", "dead-commands"));
    }

    [Theory]
    [InlineData("ConnectionStrings__Redis", "127.0.0.1:9", "redis", "reachable")]
    [InlineData("ConnectionStrings__RabbitMq", "amqp://guest:guest@127.0.0.1:9/", "rabbitmq", "reachable")]
    [InlineData("ConnectionStrings__Postgres", "Host=127.0.0.1;Port=9;Username=x", "postgres", "reachable")]
    [InlineData("Checkpoints__ShardCount", "0", "settings", "valid")]
    [InlineData("ConnectionStrings__RabbitMq", "", "settings", "valid")]
    [InlineData("Worker__Http__ApiKeys__ci__Role", "read", "settings", "valid")]
    [InlineData("Worker__Http__ApiKeys__ci__Rol", "read", "settings", "valid")]
    [InlineData("Worker__Writers", "two", "settings", "valid")]
    [InlineData("Otlp__SampleRatio", "2", "settings", "valid")]
    [InlineData("ASPNETCORE_URLS", "http://0.0.0.0:8470", "settings", "valid")]
    [InlineData("ASPNETCORE_URLS", "everywhere", "settings", "valid")]
    public async Task Setting_Wrong_IsFound(string setting, string value, string part, string check)
    {
        _settings[setting] = value;
        await ShouldFindAsync((part, check));
    }

    private async Task<IReadOnlyList<(string Severity, string Part, string Check, bool HasAdvice)>> ShouldBeHealthyAsync()
    {
        var (code, findings) = await ExamineAsync();
        findings.Where(finding => finding.Severity != "ok").ShouldBeEmpty();
        code.ShouldBe(0);
        return findings;
    }

    private async Task ShouldFindAsync(params (string Part, string Check)[] expected)
    {
        var (code, findings) = await ExamineAsync();
        findings.Where(finding => finding.Severity != "ok").Select(finding => (finding.Part, finding.Check)).Order().ShouldBe(expected.Order());
        findings.Where(finding => finding.Severity != "ok").ShouldAllBe(finding => finding.HasAdvice);
        code.ShouldBe(4);
    }

    private async Task<(int Code, IReadOnlyList<(string Severity, string Part, string Check, bool HasAdvice)> Findings)> ExamineAsync()
    {
        var result = await CliProcess.RunAsync(["doctor", "--json"], _settings);
        var findings = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line)).Select(item => (
            item.GetProperty("severity").GetString()!,
            item.GetProperty("part").GetString()!,
            item.GetProperty("check").GetString()!,
            item.GetProperty("advice").ValueKind != JsonValueKind.Null)).ToList();
        findings.ShouldNotBeEmpty(result.Error);
        return (result.ExitCode, findings);
    }
}
