using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker;
using AsyncCheckpoints.Worker.Doctor;
using AsyncCheckpoints.Worker.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Npgsql;
using RabbitMQ.Client;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

public sealed partial class DoctorTests
{
    [Fact]
    public async Task Redis_FullReplica_IsFound()
    {
        await using var servers = await ServerSet.StartAsync(
            ServerKind.Redis, new ServerSettings { RedisArguments = "--replicaof 127.0.0.1 9 --maxmemory 100kb" });
        _settings["ConnectionStrings__Redis"] = servers.Redis;
        await ShouldFindAsync(("redis", "role"), ("redis", "memory"));
    }

    [Fact]
    public async Task Redis_MarkThatNobodySettles_IsFound()
    {
        var layout = new RedisLayout(_prefix, new CheckpointOptions().ShardCount);
        using var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis);
        await redis.GetDatabase().SortedSetAddAsync(layout.PendingKeys[^1], "mark", (double)TimeProvider.System.GetUtcNow().AddMinutes(-5).ToUnixTimeMilliseconds() * 1000);
        await ShouldFindAsync(("redis", "pending"));
    }

    [Theory]
    [InlineData("postgres")]
    [InlineData("sqlite")]
    public async Task Archive_OfAnotherPrefix_IsFoundAndRefused(string part)
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-doctor-");
        if (part == "sqlite")
        {
            _settings["ConnectionStrings__Postgres"] = null;
            _settings["Worker__DataPath"] = folder.FullName;
        }

        await using (var opened = new JobWorker.OpenedArchive(part == "sqlite"
            ? new SqliteArchive(new() { Path = Path.Combine(folder.FullName, "checkpoints.db") }, TimeProvider.System)
            : new PostgresArchive(new() { ConnectionString = _settings["ConnectionStrings__Postgres"]! })))
        {
            await opened.Archive.MigrateAsync(default);
            await ShouldBeHealthyAsync();
            await opened.Archive.ClaimAsync(_prefix, default);
            await ShouldBeHealthyAsync();
        }

        _settings["Checkpoints__Prefix"] = $"other-{_prefix}";
        await ShouldFindAsync((part, "prefix"));
        await using var worker = await WorkerProcess.StartAsync(_settings);
        (await worker.WaitForExitAsync(Deployment.Patience)).ShouldNotBe(0);
        worker.Lines.ShouldContain(line => line.Contains($"'{_prefix}'", StringComparison.Ordinal) && line.Contains("Worker:Schema", StringComparison.Ordinal));
        folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task Clock_AnHourOff_IsFound(int hours)
    {
        var time = new JumpingTime();
        time.Jump(TimeSpan.FromHours(hours));
        var findings = new List<Finding>();
        await RedisCheckup.RunAsync(SharedServers.Redis, new CheckpointOptions { Prefix = _prefix }, time, findings, default);
        await PostgresCheckup.RunAsync(_settings["ConnectionStrings__Postgres"]!, _prefix, new WorkerOptions(), time, findings, default);
        findings.Where(finding => finding.Severity != Severity.Ok).Select(finding => (finding.Part, finding.Check))
            .ShouldBe([("redis", "clock"), ("postgres", "clock")]);
    }

    [Trait("Category", "Long")]
    [Fact]
    public async Task RabbitMq_MemoryAlarm_IsFound()
    {
        await using var servers = await ServerSet.StartAsync(ServerKind.RabbitMq);
        _settings["ConnectionStrings__RabbitMq"] = servers.RabbitMq;
        await servers.RabbitMqCtlAsync("set_vm_memory_high_watermark", "absolute", "1");
        await ShouldFindAsync(("rabbitmq", "alarms"));
    }

    [Fact]
    public async Task RabbitMq_MessagesThatNobodyConsumes_AreFound()
    {
        var names = new QueueNames(_prefix);
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        await channel.QueueDeclareAsync(
            names.Commands, durable: true, exclusive: false, autoDelete: false, RabbitMqTopology.CommandQueueArguments(names).ToDictionary(pair => pair.Name, pair => (object?)pair.Value));
        (await ExamineAsync()).Code.ShouldBe(0);
        await channel.BasicPublishAsync("", names.Commands, mandatory: true, new BasicProperties { Persistent = true }, "command"u8.ToArray());

        // A broker that is busy for a quarter of a second says that a quorum queue has none.
        await Deployment.UntilAsync(async () => (await ExamineAsync()).Code == 4, "they are counted");
        await ShouldFindAsync(("rabbitmq", "consumers"));
    }

    [Trait("Category", "Long")]
    [Fact]
    public async Task RabbitMq_UserWithoutRights_IsFoundBesideTheRest()
    {
        await using var servers = await ServerSet.StartAsync(ServerKind.RabbitMq);
        await RawQueue.PublishDeadAsync(servers.RabbitMq, _prefix, "command"u8.ToArray());
        var names = new QueueNames(_prefix);
        await using (var connection = await new ConnectionFactory { Uri = new Uri(servers.RabbitMq) }.CreateConnectionAsync())
        {
            await using var channel = await connection.CreateChannelAsync();
            await channel.QueueDeclareAsync(
                names.Commands, durable: true, exclusive: false, autoDelete: false, RabbitMqTopology.CommandQueueArguments(names).ToDictionary(pair => pair.Name, pair => (object?)pair.Value));
        }

        await servers.RabbitMqCtlAsync("add_user", "reader", "weak");
        await servers.RabbitMqCtlAsync("set_permissions", "reader", "^$", "^$", ".*");
        _settings["ConnectionStrings__RabbitMq"] = new UriBuilder(servers.RabbitMq) { UserName = "reader", Password = "weak" }.Uri.ToString();
        await Deployment.UntilAsync(async () => (await ExamineAsync()).Findings.Count(finding => finding.Severity != "ok") > 1, "the dead letters are counted");
        await ShouldFindAsync(("rabbitmq", "dead-commands"), ("rabbitmq", "rights"));
        (await CliProcess.RunAsync(["doctor"], _settings)).Output.ShouldContain("cannot be asked: ACCESS_REFUSED");
    }

    [Theory]
    [InlineData("default_transaction_read_only=on", "transaction_read_only")]
    [InlineData("synchronous_commit=off", "synchronous_commit")]
    [InlineData("default_transaction_isolation=repeatable\\ read", "default_transaction_isolation")]
    public async Task Postgres_SettingOfTheRole_IsFound(string setting, string check)
    {
        _settings["ConnectionStrings__Postgres"] = new NpgsqlConnectionStringBuilder(_settings["ConnectionStrings__Postgres"]) { Options = $"-c {setting}" }.ToString();
        await ShouldFindAsync(("postgres", check));
    }

    [Fact]
    public async Task Postgres_OtherEncoding_IsFoundAndRefused()
    {
        _settings["ConnectionStrings__Postgres"] = await PostgresDatabase.CreateAsync("TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'");
        await ShouldFindAsync(("postgres", "server_encoding"));
        await using var worker = await WorkerProcess.StartAsync(_settings);
        (await worker.WaitForExitAsync(Deployment.Patience)).ShouldNotBe(0);
        worker.Lines.ShouldContain(line => line.Contains("SQL_ASCII", StringComparison.Ordinal) && line.Contains("UTF8", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", "CREATE on database")]
    [InlineData("GRANT SELECT ON ALL TABLES IN SCHEMA checkpoints TO {0};", "USAGE on schema checkpoints")]
    [InlineData("GRANT USAGE ON SCHEMA checkpoints TO {0}; GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA checkpoints TO {0};", "The role lacks DELETE on audit, DELETE on checkpoints")]
    public async Task Postgres_RoleWithoutRights_IsFound(string grants, string missing)
    {
        if (grants.Length > 0)
        {
            (await CliProcess.RunAsync(["migrate"], _settings)).ExitCode.ShouldBe(0);
        }

        var database = new NpgsqlConnectionStringBuilder(_settings["ConnectionStrings__Postgres"]);
        await ExecuteAsync($"CREATE ROLE {_prefix} LOGIN PASSWORD 'weak'; {string.Format(null, grants, _prefix)}");
        try
        {
            _settings["ConnectionStrings__Postgres"] = new NpgsqlConnectionStringBuilder(database.ToString()) { Username = _prefix, Password = "weak" }.ToString();
            await ShouldFindAsync(("postgres", "rights"));
            (await CliProcess.RunAsync(["doctor"], _settings)).Output.ShouldContain(missing);
        }
        finally
        {
            await ExecuteAsync($"DROP OWNED BY {_prefix}; DROP ROLE {_prefix}");
        }

        async Task ExecuteAsync(string sql)
        {
            await using var source = NpgsqlDataSource.Create(database.ToString());
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }

    [Fact]
    public async Task Postgres_SchemaOfANewerProgram_IsFound()
    {
        (await CliProcess.RunAsync(["migrate"], _settings)).ExitCode.ShouldBe(0);
        (await ExamineAsync()).Code.ShouldBe(0);
        await using var source = NpgsqlDataSource.Create(_settings["ConnectionStrings__Postgres"]!);
        await using var command = source.CreateCommand("INSERT INTO checkpoints.schema_version (version, name) VALUES (9999, 'newer')");
        await command.ExecuteNonQueryAsync();
        await ShouldFindAsync(("postgres", "schema"));
    }

    [Theory]
    [InlineData("INSERT INTO schema_version (version, name, applied_at) VALUES (9999, 'newer', 0)", "schema")]
    [InlineData("PRAGMA journal_mode = DELETE", "journal_mode")]
    [InlineData(null, "file")]
    public async Task Sqlite_FileThatIsNotAsItShouldBe_IsFound(string? sql, string check)
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-doctor-");
        try
        {
            UseSqlite(folder.FullName);
            (await CliProcess.RunAsync(["migrate"], _settings)).ExitCode.ShouldBe(0);
            (await ExamineAsync()).Code.ShouldBe(0);
            var path = Path.Combine(folder.FullName, "checkpoints.db");
            await using (var connection = new SqliteConnection($"Data Source={path};Pooling=False"))
            {
                await connection.OpenAsync();
                await using var command = connection.CreateCommand();
                command.CommandText = sql ?? "PRAGMA wal_checkpoint(TRUNCATE)";
                await command.ExecuteNonQueryAsync();
            }

            if (sql is null)
            {
                // All but the head, which has the schema's first page.
                await using var file = File.OpenWrite(path);
                file.Position = 4096;
                await file.WriteAsync(Enumerable.Repeat((byte)0xAB, (int)file.Length - 4096).ToArray());
            }

            await ShouldFindAsync(("sqlite", check));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Sqlite_FolderBelowAFile_IsFound()
    {
        var file = Path.GetTempFileName();
        UseSqlite(Path.Combine(file, "data"));
        await ShouldFindAsync(("sqlite", "folder"));
        File.Delete(file);
    }

    private void UseSqlite(string folder)
    {
        foreach (var name in _settings.Keys.Where(name => name.StartsWith("ConnectionStrings", StringComparison.Ordinal)).ToList())
        {
            _settings.Remove(name);
        }

        _settings["Worker__DataPath"] = folder;
    }
}
