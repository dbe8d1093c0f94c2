using System.Data.Common;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Npgsql;
using Shouldly;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>
/// A worker process with a folder of its own, to be killed in the middle of a job and started again. Its archive is SQLite
/// unless the settings say otherwise.
/// </summary>
internal sealed class JobWorker : IAsyncDisposable
{
    /// <summary>Shards of Redis, where it uses that.</summary>
    public const int ShardCount = 16;

    /// <summary>The file name of the SQLite archive; its write-ahead log's begins with it.</summary>
    public const string ArchiveName = "checkpoints.db";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("asynccheckpoints-jobs-");
    private readonly int _batchSize;
    private string? _database;
    private WorkerProcess? _process;
    private HttpClient? _http;

    public JobWorker(int batchSize = 50)
    {
        _batchSize = batchSize;
        this["Jobs__Lease"] = "00:00:00.500";
        this["Jobs__Interval"] = "00:00:00.050";
        this["Jobs__BatchSize"] = $"{batchSize}";
        this["Logging__LogLevel__Default"] = "Warning";
    }

    public Dictionary<string, string?> Environment { get; } = [];

    public HttpClient Http => _http!;

    public WorkerProcess Process => _process!;

    public string ArchivePath => Path.Combine(_folder.FullName, "data", ArchiveName);

    public string JobFolder => Path.Combine(_folder.FullName, "data", "jobs");

    public string Folder => _folder.FullName;

    public string? this[string setting]
    {
        set => Environment[setting] = value;
    }

    /// <summary>Checkpoint number i of a set: 50 to an execution, in two namespaces.</summary>
    public static Checkpoint Make(int i) => new()
    {
        ExecutionId = $"e-{i / 50:000000}",
        Namespace = i % 5 == 4 ? "sub" : "",
        Id = $"c-{i % 50:00}",
        Sequence = 1_000_000_000 + i,
        NodeName = $"node-{i % 3}",
        Version = i,
        State = Encoding.UTF8.GetBytes($$"""{"step":{{i}},"text":"ü {{i * 7919}}"}"""),
        ContentType = "application/json",
        Metadata = JsonElement.Parse($$"""{"i":{{i}}}"""),
        CreatedAt = DateTimeOffset.UnixEpoch.AddSeconds(i),
    };

    public static async Task FillAsync(ICheckpointArchive archive, int count)
    {
        await archive.MigrateAsync(default);
        foreach (var part in Enumerable.Range(0, count).Chunk(5000))
        {
            var saves = part.Select(Make).Select(c => new ArchiveSave(c, SHA256.HashData(c.State.Span), false)).ToList();
            await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, saves, [])], []), default);
        }
    }

    public static async Task<Dictionary<CheckpointKey, Checkpoint>> ReadAsync(ICheckpointArchive archive)
    {
        var all = new Dictionary<CheckpointKey, Checkpoint>();
        string? execution = null;
        while (await archive.FindExecutionsAsync("", execution, 1000, default) is { Count: > 0 } executions)
        {
            foreach (var id in executions)
            {
                ListPosition? after = null;
                ArchivePage page;
                do
                {
                    page = await archive.FindAsync(
                        new CheckpointQuery { ExecutionId = id, Namespace = null, OldestFirst = true, Limit = 1000 }, null, after, long.MaxValue, default);
                    foreach (var item in page.Items)
                    {
                        all.Add(item.Key, item);
                        after = ListPosition.Of(item);
                    }
                }
                while (page.HasMore);
            }

            execution = executions[^1];
        }

        return all;
    }

    /// <summary>An archive beside the worker's own connections to it.</summary>
    internal sealed class OpenedArchive(ICheckpointArchive archive) : IAsyncDisposable
    {
        public ICheckpointArchive Archive => archive;

        public IJobStore Jobs => (IJobStore)archive;

        public ValueTask DisposeAsync() => ((IAsyncDisposable)archive).DisposeAsync();
    }

    public static void ShouldEqual(Checkpoint found, Checkpoint expected) => CheckpointDifference.Of(found, expected).ShouldBeNull($"{expected.Key}");

    /// <summary>Its archive is a PostgreSQL database of its own.</summary>
    /// <returns>The connection string.</returns>
    public async Task<string> UsePostgresAsync()
    {
        _database = await PostgresDatabase.CreateAsync();
        this["ConnectionStrings__Postgres"] = _database;
        return _database;
    }

    /// <summary>Its archive, whichever it is.</summary>
    public OpenedArchive Open() => new(_database is null ? OpenArchive() : new PostgresArchive(new() { ConnectionString = _database }));

    /// <summary>Changes its archive beside it.</summary>
    /// <param name="sql">For both kinds of archive; TABLE is the checkpoints.</param>
    public async Task ExecuteAsync(string sql)
    {
        await using DbConnection connection = _database is null ? new SqliteConnection($"Data Source={ArchivePath};Pooling=False") : new NpgsqlConnection(_database);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql.Replace("TABLE", _database is null ? "checkpoints" : "checkpoints.checkpoints", StringComparison.Ordinal);
        (await command.ExecuteNonQueryAsync()).ShouldBeGreaterThan(0);
    }

    public SqliteArchive OpenArchive(string? path = null) => new(new() { Path = path ?? ArchivePath }, TimeProvider.System);

    /// <summary>Puts it on Redis and the broker, instead of cache and queue in its process.</summary>
    /// <param name="prefix">Its prefix there; without one, a new one.</param>
    /// <param name="redis">Another way to Redis than the direct one.</param>
    /// <param name="rabbitMq">Another way to the broker.</param>
    /// <returns>The prefix.</returns>
    public string UseServers(string? prefix = null, string? redis = null, string? rabbitMq = null)
    {
        prefix ??= $"t{Guid.NewGuid():N}"[..20];
        this["ConnectionStrings__Redis"] = redis ?? SharedServers.Redis;
        this["ConnectionStrings__RabbitMq"] = rabbitMq ?? SharedServers.RabbitMq;
        this["Checkpoints__Prefix"] = prefix;
        this["Checkpoints__ShardCount"] = $"{ShardCount}";
        return prefix;
    }

    /// <summary>As a disk would: what was JSON is none.</summary>
    public async Task SpoilMetadataAsync(string id)
    {
        await using var connection = new SqliteConnection($"Data Source={ArchivePath};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $$"""UPDATE checkpoints SET metadata = '{"torn' WHERE checkpoint_id = '{{id}}'""";
        (await command.ExecuteNonQueryAsync()).ShouldBe(1);
    }

    /// <summary>Starts it; returns when it is ready.</summary>
    /// <param name="deadlyBatch">It kills itself when it is about to store a job's position for the how-manieth time.</param>
    public async Task StartAsync(int? deadlyBatch = null)
    {
        await LaunchAsync(deadlyBatch);
        const string start = "Listening on ";
        var line = await Process.WaitForLineAsync(line => line.StartsWith(start, StringComparison.Ordinal), Deployment.Patience);
        _http = new HttpClient { BaseAddress = new Uri(line[start.Length..]) };
        await Deployment.UntilAsync(async () => (await _http.GetAsync("/health/ready")).IsSuccessStatusCode, "the worker is ready");
    }

    private async Task LaunchAsync(int? deadlyBatch)
    {
        _process = deadlyBatch is null
            ? await WorkerProcess.StartAsync(Environment, directory: _folder.FullName)
            : await WorkerProcess.StartAsync(
                Environment, ["worker", $"{WorkerStep.BeforeJobPosition}", $"{deadlyBatch}"], _folder.FullName, Program.FileName);
    }

    public async Task KillAsync()
    {
        _http!.Dispose();
        await _process!.DisposeAsync();
    }

    public async Task<string> PostAsync(string kind, object arguments, int? itemsPerSecond = null, DateTimeOffset? scheduledAt = null)
    {
        using var answer = await Http.PostAsJsonAsync("/jobs", new { kind, arguments, itemsPerSecond, scheduledAt });
        var text = await answer.Content.ReadAsStringAsync();
        answer.IsSuccessStatusCode.ShouldBeTrue(text);
        return JsonElement.Parse(text).GetProperty("id").GetString()!;
    }

    public Task<JsonElement> GetAsync(string id) => Http.GetFromJsonAsync<JsonElement>($"/jobs/{id}");

    public async Task<JsonElement> WaitAsync(string id)
    {
        JsonElement job = default;
        await Deployment.UntilAsync(
            async () => (job = await GetAsync(id)).GetProperty("finishedAt").ValueKind != JsonValueKind.Null, $"job {id} has ended");
        return job;
    }

    public async Task<JsonElement> RunAsync(string kind, object arguments) => await CompletedAsync(await PostAsync(kind, arguments));

    public async Task<IReadOnlyList<(string Kind, string Subject)>> FindingsAsync(string id) =>
    [
        .. (await Http.GetFromJsonAsync<JsonElement>($"/jobs/{id}/findings?limit=1000")).GetProperty("items").EnumerateArray()
            .Select(item => (item.GetProperty("kind").GetString()!, item.GetProperty("subject").GetString()!)),
    ];

    /// <summary>
    /// Adds a job, kills its worker three times on the way, and waits for the end. Each kill lies between the effects of a
    /// batch and its position, so that the batch is done again.
    /// </summary>
    public async Task<JsonElement> RunKilledAsync(string kind, object arguments, int total)
    {
        var id = Guid.CreateVersion7().ToString("N");
        await using (var opened = Open())
        {
            // It may die before it is ready: nobody could ask it for the job.
            await opened.Archive.MigrateAsync(default);
            var text = JsonSerializer.Serialize(arguments, JsonSerializerOptions.Web);
            (await opened.Jobs.AddJobAsync(new NewJob(id, kind, text, 0, new JobOptions().MaxAttempts, null, TimeSpan.Zero, null), default)).ShouldBeTrue();
        }

        for (var kill = 1; kill <= 3; kill++)
        {
            await LaunchAsync(total / 4 / _batchSize);
            (await Process.WaitForExitAsync(Deployment.Patience)).ShouldBe(WorkerProcess.Killed);
            await Process.DisposeAsync();
        }

        await StartAsync();
        return await CompletedAsync(id);
    }

    private async Task<JsonElement> CompletedAsync(string id)
    {
        var job = await WaitAsync(id);
        job.GetProperty("state").GetString().ShouldBe("completed", job.ToString());
        return job;
    }

    public async ValueTask DisposeAsync()
    {
        _http?.Dispose();
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _folder.Delete(recursive: true);
    }
}
