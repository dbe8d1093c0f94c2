using System.Text.Json;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public abstract partial class JobKillTests
{
    [Fact]
    public async Task Backfill_FromSqliteToPostgresKilled_HasEveryCheckpoint()
    {
        await using var worker = new JobWorker(batchSize);
        var old = Path.Combine(worker.Folder, "old.db");
        await using (var archive = new SqliteArchive(new() { Path = old }, TimeProvider.System))
        {
            await JobWorker.FillAsync(archive, count);
        }

        var database = await worker.UsePostgresAsync();
        worker["Jobs__Sources__old__Kind"] = nameof(JobSourceKind.Sqlite);
        worker["Jobs__Sources__old__Path"] = old;
        ShouldHaveDoneAll(await worker.RunKilledAsync("backfill", new { source = "old" }, count));
        await using (var archive = new PostgresArchive(new() { ConnectionString = database }))
        {
            await ShouldHoldAllAsync(archive);
        }

        var verified = await worker.RunAsync("verify", new { against = "old" });
        verified.GetProperty("findings").GetInt64().ShouldBe(0);
        verified.GetProperty("counts").GetProperty("compared").GetInt64().ShouldBe(count);
    }

    [Fact]
    public async Task Backfill_FromFileKilled_HasEveryCheckpoint()
    {
        await using var worker = new JobWorker(batchSize);
        Directory.CreateDirectory(worker.JobFolder);
        await using (var file = File.Create(Path.Combine(worker.JobFolder, "in.jsonl")))
        {
            var line = new System.Buffers.ArrayBufferWriter<byte>();
            for (var i = 0; i < count; i++)
            {
                CheckpointLine.Write(line, JobWorker.Make(i));
                await file.WriteAsync(line.WrittenMemory);
                line.ResetWrittenCount();
            }
        }

        ShouldHaveDoneAll(await worker.RunKilledAsync("backfill", new { source = "file", path = "in.jsonl" }, count));
        await using var archive = worker.OpenArchive();
        await ShouldHoldAllAsync(archive);
    }

    [Fact]
    public async Task Backfill_FromTheCacheKilled_HasEveryCheckpoint()
    {
        await using var worker = new JobWorker(batchSize);
        await FillRedisAsync(worker.UseServers());
        ShouldHaveDoneAll(await worker.RunKilledAsync("backfill", new { source = "cache" }, count));
        await using var archive = worker.OpenArchive();
        await ShouldHoldAllAsync(archive);
    }

    [Theory]
    [InlineData(JobSourceKind.LangGraphGoSqlite)]
    [InlineData(JobSourceKind.LangGraphGoPostgres)]
    [InlineData(JobSourceKind.LangGraphGoRedis)]
    [InlineData(JobSourceKind.LangGraphGoFiles)]
    public async Task Backfill_FromLangGraphGoKilled_KeepsStatesAndOrder(JobSourceKind kind)
    {
        await using var worker = new JobWorker(batchSize);
        worker["Jobs__Sources__go__Kind"] = $"{kind}";
        await FillLangGraphGoAsync(worker, kind);

        ShouldHaveDoneAll(await worker.RunKilledAsync("backfill", new { source = "go" }, count));

        await using var archive = worker.OpenArchive();
        var all = await JobWorker.ReadAsync(archive);
        all.Count.ShouldBe(count);
        Func<int, byte[]> state = kind == JobSourceKind.LangGraphGoPostgres ? LangGraphGoFixtures.JsonbState : LangGraphGoFixtures.State;
        foreach (var execution in all.Values.GroupBy(c => c.ExecutionId))
        {
            var ordered = execution.OrderBy(c => c.Sequence).ToList();
            ordered.Select(c => c.Version).ShouldBe(ordered.Select(c => c.Version).Order());
            foreach (var found in ordered)
            {
                var i = (int)found.Version;
                found.Key.ShouldBe(new CheckpointKey(LangGraphGoFixtures.Execution(i), "", $"checkpoint_{i}"));
                found.State.Span.SequenceEqual(state(i)).ShouldBeTrue($"{found.Key}");
            }
        }
    }

    private async Task FillLangGraphGoAsync(JobWorker worker, JobSourceKind kind)
    {
        var path = Path.Combine(worker.Folder, "langgraph");
        switch (kind)
        {
            case JobSourceKind.LangGraphGoSqlite:
                await LangGraphGoFixtures.FillSqliteAsync(path, count);
                worker["Jobs__Sources__go__Path"] = path;
                break;
            case JobSourceKind.LangGraphGoPostgres:
                var database = await PostgresDatabase.CreateAsync();
                await LangGraphGoFixtures.FillPostgresAsync(database, count);
                worker["Jobs__Sources__go__ConnectionString"] = database;
                worker["Jobs__Sources__go__Table"] = "public.checkpoints";
                break;
            case JobSourceKind.LangGraphGoRedis:
                var prefix = $"go{Guid.NewGuid():N}:";
                using (var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis))
                {
                    await LangGraphGoFixtures.FillRedisAsync(redis.GetDatabase(), prefix, count);
                }

                worker["Jobs__Sources__go__ConnectionString"] = SharedServers.Redis;
                worker["Jobs__Sources__go__KeyPrefix"] = prefix;
                break;
            case JobSourceKind.LangGraphGoFiles:
                await LangGraphGoFixtures.FillFilesAsync(path, count);
                worker["Jobs__Sources__go__Path"] = path;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, null);
        }
    }

    /// <summary>As what is archived: a mark would bring the worker to archive it by itself.</summary>
    private async Task FillRedisAsync(string prefix)
    {
        await using var cache = new RedisCheckpointCache(SharedServers.Redis, prefix, JobWorker.ShardCount, TimeSpan.FromSeconds(30));
        await cache.InitializeAsync(default);
        foreach (var part in Enumerable.Range(0, count).Chunk(1000))
        {
            var puts = await Task.WhenAll(part.Select(JobWorker.Make).Select(
                checkpoint => cache.PutAsync(CheckpointCodec.Encode(checkpoint), checkpoint.Sequence, default, pending: false, default)));
            puts.ShouldAllBe(put => put == CachePut.Taken);
        }
    }

    /// <summary>A step that a kill has undone counts once; what it had archived already is found unchanged.</summary>
    private void ShouldHaveDoneAll(JsonElement job)
    {
        job.GetProperty("done").GetInt64().ShouldBe(count);
        job.GetProperty("findings").GetInt64().ShouldBe(0);
        var counts = job.GetProperty("counts");
        (counts.GetProperty("archived").GetInt64() + counts.GetProperty("unchanged").GetInt64()).ShouldBe(count);
    }
}
