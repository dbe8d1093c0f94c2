using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>
/// A worker process with a folder of its own, to be killed in the middle of a job and started again. Its archive is SQLite
/// unless the settings say otherwise.
/// </summary>
internal sealed class JobWorker : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("asynccheckpoints-jobs-");
    private WorkerProcess? _process;
    private HttpClient? _http;

    public JobWorker(int batchSize = 50)
    {
        this["Worker__SettleAfter"] = "00:00:00";
        this["Jobs__Lease"] = "00:00:00.500";
        this["Jobs__Interval"] = "00:00:00.050";
        this["Jobs__BatchSize"] = $"{batchSize}";
        this["Logging__LogLevel__Default"] = "Warning";
    }

    public Dictionary<string, string?> Environment { get; } = [];

    public HttpClient Http => _http!;

    public WorkerProcess Process => _process!;

    public string ArchivePath => Path.Combine(_folder.FullName, "data", "checkpoints.db");

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

    public static void ShouldEqual(Checkpoint found, Checkpoint expected)
    {
        found.State.Span.SequenceEqual(expected.State.Span).ShouldBeTrue($"{expected.Key}");
        JsonElement.DeepEquals(found.Metadata ?? default, expected.Metadata ?? default).ShouldBeTrue();
        (found with { State = default, Metadata = null }).ShouldBe(expected with { State = default, Metadata = null });
    }

    public SqliteArchive OpenArchive(string? path = null) => new(new() { Path = path ?? ArchivePath }, TimeProvider.System);

    /// <summary>As a disk would: what was JSON is none.</summary>
    public async Task SpoilMetadataAsync(string id)
    {
        await using var connection = new SqliteConnection($"Data Source={ArchivePath};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $$"""UPDATE checkpoints SET metadata = '{"torn' WHERE checkpoint_id = '{{id}}'""";
        (await command.ExecuteNonQueryAsync()).ShouldBe(1);
    }

    public async Task StartAsync()
    {
        _process = await WorkerProcess.StartAsync(Environment, directory: _folder.FullName);
        const string start = "Listening on ";
        var line = await _process.WaitForLineAsync(line => line.StartsWith(start, StringComparison.Ordinal), Deployment.Patience);
        _http = new HttpClient { BaseAddress = new Uri(line[start.Length..]) };
        await Deployment.UntilAsync(async () => (await _http.GetAsync("/health/ready")).IsSuccessStatusCode, "the worker is ready");
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

    public async Task<JsonElement> RunAsync(string kind, object arguments)
    {
        var job = await WaitAsync(await PostAsync(kind, arguments));
        job.GetProperty("state").GetString().ShouldBe("completed", job.ToString());
        return job;
    }

    public async Task<IReadOnlyList<(string Kind, string Subject)>> FindingsAsync(string id) =>
    [
        .. (await Http.GetFromJsonAsync<JsonElement>($"/jobs/{id}/findings?limit=1000")).GetProperty("items").EnumerateArray()
            .Select(item => (item.GetProperty("kind").GetString()!, item.GetProperty("subject").GetString()!)),
    ];

    /// <summary>Starts a job, kills its worker at a quarter, the half and three quarters of its way, and waits for the end.</summary>
    public async Task<JsonElement> RunKilledAsync(string kind, object arguments, int total)
    {
        await StartAsync();
        var watch = Stopwatch.StartNew();
        var id = await PostAsync(kind, arguments, total / 8);
        for (var kill = 1; kill <= 3; kill++)
        {
            await Deployment.UntilAsync(async () => (await GetAsync(id)).GetProperty("done").GetInt64() >= total * kill / 4, $"{kind} is at {kill}/4");
            var before = await GetAsync(id);
            before.GetProperty("state").GetString().ShouldBe("running", before.ToString());
            await KillAsync();
            await StartAsync();
        }

        var job = await WaitAsync(id);
        job.GetProperty("state").GetString().ShouldBe("completed", job.ToString());
        Console.WriteLine($"{kind}: {total} items and three kills in {watch.Elapsed.TotalSeconds:F1} s");
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
