using AsyncCheckpoints.Tests.Pipeline;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>A back-fill from langgraphgo that comes again, or goes on, when its source is no longer what it was.</summary>
public sealed class BackfillAgainTests
{
    private static readonly DateTimeOffset Start = new(2025, 6, 7, 8, 9, 10, TimeSpan.Zero);

    [Theory]
    [InlineData("a")]
    [InlineData("a", "b")]
    [InlineData("c")]
    [InlineData("a", "b", "c")]
    public async Task Backfill_AgainAfterTheSourceLostAndGained_KeepsTheOrder(params string[] lost)
    {
        await using var worker = new JobWorker();
        await using var source = await StartAsync(worker);
        await AddAsync(source, ("a", Start), ("b", Start.AddSeconds(1)), ("c", Start.AddSeconds(2)));
        await worker.RunAsync("backfill", new { source = "go" });
        await RemoveAsync(source, lost);
        await AddAsync(source, ("d", Start.AddSeconds(3)));

        var job = await worker.RunAsync("backfill", new { source = "go" });

        job.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(1);
        (await OrderAsync(worker)).ShouldBe(["a", "b", "c", "d"]);
    }

    /// <summary>Both programs write: what langgraphgo has by now, and what is later than the live ones by its clock.</summary>
    [Fact]
    public async Task Backfill_AgainUnderLiveSaves_StaysBehindThemInOrder()
    {
        await using var worker = new JobWorker();
        await using var source = await StartAsync(worker);
        var ahead = TimeProvider.System.GetUtcNow().AddHours(1);
        await AddAsync(source, ("a", Start), ("b", Start.AddSeconds(1)));
        await worker.RunAsync("backfill", new { source = "go" });
        await SaveAsync(worker, "live-1");
        await RemoveAsync(source, "a");
        await AddAsync(source, ("c", Start.AddSeconds(2)), ("d", ahead));
        await worker.RunAsync("backfill", new { source = "go" });
        (await OrderAsync(worker)).ShouldBe(["a", "b", "c", "d", "live-1"]);
        await SaveAsync(worker, "live-2");
        await RemoveAsync(source, "b");
        await AddAsync(source, ("e", ahead.AddSeconds(1)), ("f", ahead.AddSeconds(2)));

        await worker.RunAsync("backfill", new { source = "go" });
        var again = await worker.RunAsync("backfill", new { source = "go" });

        (await OrderAsync(worker)).ShouldBe(["a", "b", "c", "d", "e", "f", "live-1", "live-2"]);
        again.GetProperty("counts").GetProperty("archived").GetInt64().ShouldBe(0);
        (await worker.Http.GetStringAsync("/executions/run/latest")).ShouldBe("live-2");
    }

    /// <summary>What was read in between is in the cache, which would give it as the latest for good.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Backfill_AgainAfterARead_TheLatestIsTheNewest(bool isOnServers)
    {
        await using var worker = new JobWorker();
        if (isOnServers)
        {
            worker.UseServers();
        }

        await using var source = await StartAsync(worker);
        await AddAsync(source, ("a", Start), ("b", Start.AddSeconds(1)));
        await worker.RunAsync("backfill", new { source = "go" });
        (await LatestAsync()).ShouldBe("\"b\"");
        await AddAsync(source, ("c", Start.AddSeconds(2)), ("d", Start.AddSeconds(3)));

        await worker.RunAsync("backfill", new { source = "go" });

        await Deployment.UntilAsync(async () => await LatestAsync() == "\"d\"", "the latest is the newest");
        (await OrderAsync(worker)).ShouldBe(["a", "b", "c", "d"]);

        Task<string> LatestAsync() => worker.Http.GetStringAsync("/executions/run/latest");
    }

    [Fact]
    public async Task Backfill_KilledAndTheSourceLostWhatWasPassed_BringsTheRest()
    {
        await using var worker = new JobWorker(batchSize: 10);
        await using var source = await StartAsync(worker, deadlyBatch: 4);
        await AddAsync(source, [.. Enumerable.Range(0, 100).Select(i => ($"{i:00}", Start.AddSeconds(i / 3)))]);
        var id = await worker.PostAsync("backfill", new { source = "go" });
        await worker.Process.WaitForExitAsync(Deployment.Patience);
        await worker.KillAsync();
        await RemoveAsync(source, [.. Enumerable.Range(0, 25).Select(i => $"{i:00}")]);

        await worker.StartAsync();
        var job = await worker.WaitAsync(id);

        job.GetProperty("state").GetString().ShouldBe("completed", job.ToString());
        (await OrderAsync(worker)).ShouldBe(Enumerable.Range(0, 100).Select(i => $"{i:00}"));
    }

    private static async Task<SqliteConnection> StartAsync(JobWorker worker, int? deadlyBatch = null)
    {
        var path = Path.Combine(worker.Folder, "langgraph.db");
        await LangGraphGoFixtures.FillSqliteAsync(path, 0);
        worker["Jobs__Sources__go__Kind"] = "LangGraphGoSqlite";
        worker["Jobs__Sources__go__Path"] = path;
        await worker.StartAsync(deadlyBatch);
        var source = new SqliteConnection($"Data Source={path};Pooling=False");
        await source.OpenAsync();
        return source;
    }

    private static async Task AddAsync(SqliteConnection source, params (string Id, DateTimeOffset Time)[] rows)
    {
        foreach (var (id, time) in rows)
        {
            await using var command = source.CreateCommand();
            command.CommandText = $"INSERT INTO checkpoints VALUES ('{id}', 'run', 'node', '\"{id}\"', NULL, '{time:yyyy-MM-dd HH:mm:ss.FFFFFF}+00:00', 1)";
            await command.ExecuteNonQueryAsync();
        }
    }

    private static async Task RemoveAsync(SqliteConnection source, params string[] ids)
    {
        await using var command = source.CreateCommand();
        command.CommandText = $"DELETE FROM checkpoints WHERE id IN ('{string.Join("', '", ids)}')";
        (await command.ExecuteNonQueryAsync()).ShouldBe(ids.Length);
    }

    private static async Task SaveAsync(JobWorker worker, string id) =>
        (await worker.Http.PutAsync($"/executions/run/checkpoints/{id}?durability=persisted", new StringContent(id))).EnsureSuccessStatusCode();

    private static async Task<IEnumerable<string>> OrderAsync(JobWorker worker)
    {
        await using var archive = worker.OpenArchive();
        return (await JobWorker.ReadAsync(archive)).Values.OrderBy(c => c.Sequence).Select(c => c.Id);
    }
}
