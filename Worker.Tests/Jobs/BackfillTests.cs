using System.Security.Cryptography;
using System.Text;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using Npgsql;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>What langgraphgo wrote, brought into the archive.</summary>
public sealed class BackfillTests
{
    private const int Count = 200;

    [Fact]
    public async Task Backfill_Postgres_StatesAndOrderComeBehindWhatIsLive()
    {
        var database = await PostgresDatabase.CreateAsync();
        await LangGraphGoFixtures.FillPostgresAsync(database, Count);
        await ExecuteAsync(database, "INSERT INTO checkpoints VALUES ('timeless', 'go-00', 'node', '{}', '{}', 'infinity', 1), ('orphan', '', 'node', '{}', '{}', now(), 1)");
        await using var worker = new JobWorker();
        worker["Jobs__Sources__go__Kind"] = "LangGraphGoPostgres";
        worker["Jobs__Sources__go__ConnectionString"] = database;
        worker["Jobs__Sources__go__Table"] = "public.checkpoints";
        await worker.StartAsync();
        using var live = await worker.Http.PutAsync("/executions/go-00/checkpoints/live", new StringContent("\"live\""));
        live.EnsureSuccessStatusCode();

        var job = await worker.RunAsync("backfill", new { source = "go" });
        var again = await worker.RunAsync("backfill", new { source = "go" });

        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).Order().ShouldBe([("unreadable", "/orphan"), ("unreadable", "go-00/timeless")]);
        job.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(Count);
        again.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(0);
        (await worker.Http.GetStringAsync("/executions/go-00/latest")).ShouldBe("\"live\"");
        await ShouldHoldAsync(worker, async i => await ScalarAsync(database, $"SELECT state::text FROM checkpoints WHERE id = 'checkpoint_{i}'"));
    }

    [Fact]
    public async Task Backfill_SqliteWithUnreadableRows_TakesTheRestAndReportsThem()
    {
        await using var worker = new JobWorker();
        var path = Path.Combine(worker.Folder, "langgraph.db");
        await LangGraphGoFixtures.FillSqliteAsync(path, Count);
        await using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={path};Pooling=False"))
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "INSERT INTO checkpoints VALUES ('timeless', 'go-00', 'node', '{}', NULL, 'yesterday', 1), ('orphan', '', 'node', '{}', NULL, '2025-01-01 00:00:00', 1)";
            await command.ExecuteNonQueryAsync();
        }

        worker["Jobs__Sources__go__Kind"] = "LangGraphGoSqlite";
        worker["Jobs__Sources__go__Path"] = path;
        await worker.StartAsync();

        var job = await worker.RunAsync("backfill", new { source = "go" });

        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).Order().ShouldBe([("unreadable", "/orphan"), ("unreadable", "go-00/timeless")]);
        await ShouldHoldAsync(worker, i => Task.FromResult(Encoding.UTF8.GetString(LangGraphGoFixtures.State(i))));
    }

    [Fact]
    public async Task Backfill_Redis_BothKindsOfIndexAndAReportOfTheRest()
    {
        var prefix = $"go{Guid.NewGuid():N}:";
        using var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis);
        var db = redis.GetDatabase();
        await LangGraphGoFixtures.FillRedisAsync(db, prefix, Count);
        await db.StringSetAsync($"{prefix}checkpoint:stray", LangGraphGoFixtures.Json(900, "{}"));
        await db.StringSetAsync($"{prefix}checkpoint:torn", """{"id":"torn","state":{"a""");
        await db.SetAddAsync($"{prefix}execution:go-00:checkpoints", "expired");
        await using var worker = new JobWorker();
        worker["Jobs__Sources__go__Kind"] = "LangGraphGoRedis";
        worker["Jobs__Sources__go__ConnectionString"] = SharedServers.Redis;
        worker["Jobs__Sources__go__KeyPrefix"] = prefix;
        await worker.StartAsync();

        var job = await worker.RunAsync("backfill", new { source = "go" });

        job.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(Count);
        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).Order()
            .ShouldBe([("no-execution", "stray"), ("unreadable", "expired"), ("unreadable", "torn")]);
        await ShouldHoldAsync(worker, i => Task.FromResult(Encoding.UTF8.GetString(LangGraphGoFixtures.State(i))));
    }

    [Fact]
    public async Task Backfill_RedisCluster_IsRefused()
    {
        using var port = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        port.Start();
        var bus = ((System.Net.IPEndPoint)port.LocalEndpoint).Port;
        port.Stop();
        await using var servers = await ServerSet.StartAsync(
            ServerKind.Redis, new ServerSettings { RedisArguments = $"--cluster-enabled yes --cluster-port {bus}" });
        await using var worker = new JobWorker();
        worker["Jobs__Sources__go__Kind"] = "LangGraphGoRedis";
        worker["Jobs__Sources__go__ConnectionString"] = servers.Redis;
        await worker.StartAsync();

        var job = await worker.WaitAsync(await worker.PostAsync("backfill", new { source = "go" }));

        job.GetProperty("state").GetString().ShouldBe("discarded");
        job.GetProperty("error").GetString()!.ShouldContain("cluster");
    }

    [Fact]
    public async Task Backfill_Files_EveryMemberThatNamesAnExecution()
    {
        await using var worker = new JobWorker();
        var folder = Path.Combine(worker.Folder, "go");
        await LangGraphGoFixtures.FillFilesAsync(folder, Count);
        await File.WriteAllTextAsync(Path.Combine(folder, "torn.json"), """{"id":"torn",""");
        await File.WriteAllTextAsync(Path.Combine(folder, "timeless.json"), """{"id":"x","state":1,"metadata":{"thread_id":"t"}}""");
        worker["Jobs__Sources__go__Kind"] = "LangGraphGoFiles";
        worker["Jobs__Sources__go__Path"] = folder;
        await worker.StartAsync();

        var job = await worker.RunAsync("backfill", new { source = "go" });

        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).Order().ShouldBe([("unreadable", "timeless.json"), ("unreadable", "torn.json")]);
        await ShouldHoldAsync(worker, i => Task.FromResult(Encoding.UTF8.GetString(LangGraphGoFixtures.State(i))));
    }

    [Fact]
    public async Task Backfill_FromTheCache_BringsWhatTheArchiveLost()
    {
        await using var worker = new JobWorker();
        worker.UseServers();
        await worker.StartAsync();
        for (var i = 0; i < 20; i++)
        {
            (await worker.Http.PutAsync($"/executions/e-{i % 3}/checkpoints/c{i}?durability=persisted", new StringContent($"{i}"))).EnsureSuccessStatusCode();
        }

        await using (var archive = worker.OpenArchive())
        {
            // Behind its back, as a restored backup would lack them.
            await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={worker.ArchivePath};Pooling=False");
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = "DELETE FROM checkpoints WHERE checkpoint_id IN ('c3', 'c4', 'c19')";
            await command.ExecuteNonQueryAsync();
        }

        // What has a pending mark is on its way for a verification.
        await Deployment.UntilAsync(
            async () => (await worker.RunAsync("verify", new { against = "cache" })).GetProperty("findings").GetInt64() == 3, "the marks are settled");
        (await worker.RunAsync("verify", new { against = "cache" })).GetProperty("counts").GetProperty("missing").GetInt64().ShouldBe(3);
        (await worker.RunAsync("backfill", new { source = "cache" })).GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(3);
        (await worker.RunAsync("verify", new { against = "cache" })).GetProperty("findings").GetInt64().ShouldBe(0);
    }

    /// <summary>The move from SQLite to PostgreSQL: what was deleted before it stays deleted after it.</summary>
    [Fact]
    public async Task Backfill_FromSqliteToPostgres_BringsTheDeletionsToo()
    {
        await using var worker = new JobWorker();
        var database = await PostgresDatabase.CreateAsync();
        var old = Path.Combine(worker.Folder, "old.db");
        Tombstone[] deletions =
        [
            new("e-000000", null, null, JobWorker.Make(9).Sequence, false),
            new("e-000001", "sub", null, JobWorker.Make(99).Sequence, false),
            .. Enumerable.Range(100, 30).Select(i => new Tombstone("e-000002", JobWorker.Make(i).Namespace, JobWorker.Make(i).Id, JobWorker.Make(i).Sequence, false)),
        ];
        await using (var archive = worker.OpenArchive(old))
        {
            await JobWorker.FillAsync(archive, Count);
            await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, [], deletions)], []), default);
        }

        worker["ConnectionStrings__Postgres"] = database;
        worker["Jobs__Sources__old__Kind"] = "Sqlite";
        worker["Jobs__Sources__old__Path"] = old;
        await worker.StartAsync();
        var switched = TimeProvider.System.GetUtcNow();

        var job = await worker.RunAsync("backfill", new { source = "old" });

        job.GetProperty("counts").GetProperty("tombstones").GetInt64().ShouldBe(deletions.Length);
        job.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(Count - 10 - 10 - 30);
        (await worker.RunAsync("verify", new { against = "old" })).GetProperty("findings").GetInt64().ShouldBe(0);

        // The application goes on: the old file does not have that.
        (await worker.Http.PutAsync("/executions/e-000003/checkpoints/since?durability=persisted", new StringContent("new"))).EnsureSuccessStatusCode();
        (await worker.RunAsync("verify", new { against = "old" })).GetProperty("findings").GetInt64().ShouldBe(1);
        (await worker.RunAsync("verify", new { against = "old", savedBefore = switched })).GetProperty("findings").GetInt64().ShouldBe(0);

        // What comes late: every save that there ever was, once more.
        await using var moved = new PostgresArchive(new() { ConnectionString = database });
        var saves = Enumerable.Range(0, Count).Select(JobWorker.Make).Select(c => new ArchiveSave(c, SHA256.HashData(c.State.Span), false)).ToList();
        (await moved.CommitAsync(new ArchiveBatch([new ArchiveCommand("late", saves, [])], []), default)).Archived.ShouldBe(0);
        (await JobWorker.ReadAsync(moved)).Count.ShouldBe(Count - 50 + 1);
    }

    /// <summary>The application goes on during the move: what it saves is newer than all that comes, and stays the latest.</summary>
    [Fact]
    public async Task Backfill_FromSqliteToPostgresUnderSaves_KeepsWhatIsNewer()
    {
        await using var worker = new JobWorker(batchSize: 10);
        var old = Path.Combine(worker.Folder, "old.db");
        await using (var archive = worker.OpenArchive(old))
        {
            await JobWorker.FillAsync(archive, Count);
        }

        worker["ConnectionStrings__Postgres"] = await PostgresDatabase.CreateAsync();
        worker["Jobs__Sources__old__Kind"] = "Sqlite";
        worker["Jobs__Sources__old__Path"] = old;
        await worker.StartAsync();
        var switched = TimeProvider.System.GetUtcNow();
        var id = await worker.PostAsync("backfill", new { source = "old" }, itemsPerSecond: Count / 4);
        var saved = 0;
        do
        {
            // New ones, and new versions of old ones that the job may have brought or not.
            await PutAsync($"/executions/e-{saved % 4:000000}/checkpoints/live-{saved}", $"{saved}");
            await PutAsync($"/executions/e-{saved % 4:000000}/checkpoints/c-{saved % 50:00}", $"again {saved}");
            saved++;
        }
        while (saved <= 10 || (await worker.GetAsync(id)).GetProperty("state").GetString() is "available" or "running");

        var job = await worker.WaitAsync(id);

        job.GetProperty("state").GetString().ShouldBe("completed", job.ToString());
        (await worker.Http.GetStringAsync($"/executions/e-{(saved - 1) % 4:000000}/latest")).ShouldBe($"again {saved - 1}");
        (await worker.Http.GetStringAsync($"/executions/e-{(saved - 2) % 4:000000}/checkpoints/live-{saved - 2}")).ShouldBe($"{saved - 2}");
        (await worker.RunAsync("verify", new { against = "old", savedBefore = switched })).GetProperty("findings").GetInt64().ShouldBe(0);

        async Task PutAsync(string path, string state) =>
            (await worker.Http.PutAsync($"{path}?durability=persisted", new StringContent(state))).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task Backfill_FromALiveArchive_BringsWhatIsThereWhenItComesToTheExecution()
    {
        await using var worker = new JobWorker();
        worker["Jobs__Sources__live__Kind"] = "Sqlite";
        worker["Jobs__Sources__live__Path"] = Path.Combine(worker.Folder, "live.db");
        await using var live = worker.OpenArchive(Path.Combine(worker.Folder, "live.db"));
        await JobWorker.FillAsync(live, 5);
        await worker.StartAsync();

        // By a clock that was ahead.
        var ahead = CheckpointCodec.ToMicroseconds(TimeProvider.System.GetUtcNow().AddHours(1));
        await SaveAsync(JobWorker.Make(5) with { Sequence = ahead });
        var scan = new SourceScan(new ArchiveSource(live, isOwned: false), new ScanArguments(), includeState: true) { EndsAtNewest = true };
        await using var batches = scan.ReadAsync(null, batchSize: 2, default).GetAsyncEnumerator();
        (await batches.MoveNextAsync()).ShouldBeTrue();
        var found = batches.Current.Items.Count;
        await SaveAsync(JobWorker.Make(6) with { Sequence = ahead + 1 });
        while (await batches.MoveNextAsync())
        {
            found += batches.Current.Items.Count;
        }

        found.ShouldBe(6);
        (await worker.RunAsync("backfill", new { source = "live" })).GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(7);

        Task SaveAsync(Checkpoint checkpoint) => live.CommitAsync(
            new ArchiveBatch([new ArchiveCommand(null, [new ArchiveSave(checkpoint, SHA256.HashData(checkpoint.State.Span), false)], [])], []), default);
    }

    [Fact]
    public async Task Backfill_SourceAway_ErrorNamesNoAddress()
    {
        await using var worker = new JobWorker();
        worker["Jobs__Sources__go__Kind"] = "LangGraphGoRedis";
        worker["Jobs__Sources__go__ConnectionString"] = "127.0.0.1:1,abortConnect=false";
        await worker.StartAsync();
        var id = await worker.PostAsync("backfill", new { source = "go" });

        string? error = null;
        await Deployment.UntilAsync(async () => (error = (await worker.GetAsync(id)).GetProperty("error").GetString()) is not null, "the first attempt failed");

        error!.ShouldNotContain("127.0.0.1");
    }

    [Fact]
    public async Task Backfill_FileWithBadLines_TakesTheRestAndReportsThem()
    {
        await using var worker = new JobWorker();
        Directory.CreateDirectory(worker.JobFolder);
        var line = new System.Buffers.ArrayBufferWriter<byte>();
        CheckpointLine.Write(line, JobWorker.Make(1));
        var good = Encoding.UTF8.GetString(line.WrittenSpan);
        await File.WriteAllTextAsync(
            Path.Combine(worker.JobFolder, "in.jsonl"), $"not json\n{good}{good.Replace("\"state\":\"", "\"state\":\"AAAA", StringComparison.Ordinal)}{{}}\n");
        await worker.StartAsync();
        var job = await worker.RunAsync("backfill", new { source = "file", path = "in.jsonl" });
        job.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(1);
        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).Select(finding => finding.Subject).ShouldBe(["line 1", "line 3", "line 4"]);
    }

    [Fact]
    public async Task Backfill_FileWithAnEndlessLine_PassesOverIt()
    {
        await using var worker = new JobWorker();
        worker["Checkpoints__MaxStateBytes"] = "4096";
        Directory.CreateDirectory(worker.JobFolder);
        await using (var file = new FileStream(Path.Combine(worker.JobFolder, "in.jsonl"), FileMode.CreateNew))
        {
            var line = new System.Buffers.ArrayBufferWriter<byte>();
            CheckpointLine.Write(line, JobWorker.Make(1));
            await file.WriteAsync(new byte[3 * 1024 * 1024]);
            await file.WriteAsync("\r\n"u8.ToArray());
            await file.WriteAsync(line.WrittenMemory[..^1]);
        }

        await worker.StartAsync();
        var job = await worker.RunAsync("backfill", new { source = "file", path = "in.jsonl" });
        job.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(1);
        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).ShouldBe([("unreadable", "line 1")]);
    }

    private static async Task ShouldHoldAsync(JobWorker worker, Func<int, Task<string>> state)
    {
        await using var archive = worker.OpenArchive();
        var all = (await JobWorker.ReadAsync(archive)).Values.Where(c => c.Id != "live").ToList();
        all.Count.ShouldBe(Count);
        foreach (var found in all)
        {
            var i = (int)found.Version;
            found.Id.ShouldBe($"checkpoint_{i}");
            found.ExecutionId.ShouldBe(LangGraphGoFixtures.Execution(i));
            found.CreatedAt.ShouldBe(LangGraphGoFixtures.Time(i));
            found.NodeName.ShouldBe("node");
            Encoding.UTF8.GetString(found.State.Span).ShouldBe(await state(i));
        }

        foreach (var execution in all.GroupBy(c => c.ExecutionId))
        {
            execution.OrderBy(c => c.Sequence).Select(c => c.Version).ShouldBe(execution.Select(c => c.Version).Order());
        }
    }

    private static async Task ExecuteAsync(string database, string sql)
    {
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<string> ScalarAsync(string database, string sql)
    {
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand(sql);
        return (string)(await command.ExecuteScalarAsync())!;
    }
}
