using System.IO.Compression;
using System.Security.Cryptography;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>Every job, its worker killed three times on the way with SIGKILL, finishes as if nothing had been.</summary>
public abstract partial class JobKillTests(int count, int batchSize)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Export_Killed_HasEveryLineOnce(bool isPostgres)
    {
        await using var worker = await FilledAsync(isPostgres);
        await worker.RunKilledAsync("export", new { path = "all.jsonl.gz" }, count);
        await using var file = new GZipStream(File.OpenRead(Path.Combine(worker.JobFolder, "all.jsonl.gz")), CompressionMode.Decompress);
        using var reader = new StreamReader(file);
        var lines = 0;
        while (await reader.ReadLineAsync() is { } line)
        {
            JobWorker.ShouldEqual(CheckpointLine.Read(line, 1 << 20), JobWorker.Make(lines++));
        }

        lines.ShouldBe(count);
        Directory.GetFiles(worker.JobFolder).Length.ShouldBe(1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Retention_Killed_LeavesWhatTheRuleKeeps(bool isPostgres)
    {
        await using var worker = await FilledAsync(isPostgres);
        await worker.RunKilledAsync("retention", new { rules = new[] { new { executions = "*", keepLast = 3 } } }, count);
        await using var opened = worker.Open();
        var archive = opened.Archive;
        var left = await JobWorker.ReadAsync(archive);
        var expected = Enumerable.Range(0, count).Select(JobWorker.Make).GroupBy(c => (c.ExecutionId, c.Namespace))
            .SelectMany(stream => stream.OrderByDescending(c => c.Sequence).Take(3)).Select(c => c.Key).ToHashSet();
        left.Keys.ToHashSet().SetEquals(expected).ShouldBeTrue();

        // A message that comes late does not bring one back.
        var late = JobWorker.Make(0);
        await archive.CommitAsync(
            new ArchiveBatch([new ArchiveCommand("late", [new ArchiveSave(late, SHA256.HashData(late.State.Span), false)], [])], []), default);
        (await JobWorker.ReadAsync(archive)).Count.ShouldBe(expected.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Erase_Killed_LeavesOnlyOthers(bool isPostgres)
    {
        await using var worker = await FilledAsync(isPostgres);
        var other = JobWorker.Make(0) with { ExecutionId = "other" };
        await using (var opened = worker.Open())
        {
            await opened.Archive.CommitAsync(
                new ArchiveBatch([new ArchiveCommand(null, [new ArchiveSave(other, SHA256.HashData(other.State.Span), false)], [])], []), default);
        }

        await worker.RunKilledAsync("erase", new { executions = "e-*" }, count);

        await using var after = worker.Open();
        (await JobWorker.ReadAsync(after.Archive)).Keys.ShouldHaveSingleItem().ShouldBe(other.Key);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Verify_Killed_FindsEveryPlantedFaultOnce(bool isPostgres)
    {
        await using var worker = await FilledAsync(isPostgres);
        var other = Path.Combine(worker.Folder, "other.db");
        await using (var archive = new SqliteArchive(new() { Path = other }, TimeProvider.System))
        {
            await JobWorker.FillAsync(archive, count);
        }

        var (gone, bent, swapped, extra) = (JobWorker.Make(10), JobWorker.Make(count / 2), JobWorker.Make(count - 50), JobWorker.Make(count - 1));
        var neighbour = JobWorker.Make(count - 49);
        var state = isPostgres
            ? "convert_to(replace(convert_from(state, 'UTF8'), 'step', 'stop'), 'UTF8')"
            : "CAST(replace(CAST(state AS TEXT), 'step', 'stop') AS BLOB)";
        await worker.ExecuteAsync($"DELETE FROM TABLE WHERE sequence = {gone.Sequence}");
        await worker.ExecuteAsync($"UPDATE TABLE SET state = {state} WHERE sequence = {bent.Sequence}");
        await worker.ExecuteAsync($"UPDATE TABLE SET sequence = {swapped.Sequence + neighbour.Sequence} - sequence WHERE sequence IN ({swapped.Sequence}, {neighbour.Sequence})");
        await ExecuteAsync(other, $"DELETE FROM checkpoints WHERE sequence = {extra.Sequence}");
        worker["Jobs__Sources__other__Kind"] = "Sqlite";
        worker["Jobs__Sources__other__Path"] = other;

        var job = await worker.RunKilledAsync("verify", new { against = "other" }, count);

        (await worker.FindingsAsync(job.GetProperty("id").GetString()!)).Order().ShouldBe(new[]
        {
            ("damaged", $"{bent.Key}"),
            ("missing", $"{gone.Key}"),
            ("missing-there", $"{extra.Key}"),
            ("order", $"{swapped.Key}"),
            ("order", $"{neighbour.Key}"),
            ("state", $"{bent.Key}"),
        }.Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeadLetterRetry_Killed_ArchivesEachAndLeavesNone(bool isPostgres)
    {
        await using var worker = await WithLettersAsync(isPostgres);
        await worker.RunKilledAsync("dead-letter-retry", new { all = true }, count);
        await using var after = worker.Open();
        await ShouldHoldAllAsync(after.Archive);
        (await after.Jobs.GetStatsAsync(default)).DeadLetters.ShouldBe(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeadLetterDiscard_Killed_LeavesNoneAndArchivesNone(bool isPostgres)
    {
        await using var worker = await WithLettersAsync(isPostgres);
        await worker.RunKilledAsync("dead-letter-discard", new { all = true }, count);
        await using var after = worker.Open();
        (await JobWorker.ReadAsync(after.Archive)).ShouldBeEmpty();
        (await after.Jobs.GetStatsAsync(default)).DeadLetters.ShouldBe(0);
    }

    private static async Task ExecuteAsync(string path, string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        (await command.ExecuteNonQueryAsync()).ShouldBeGreaterThan(0);
    }

    private async Task<JobWorker> CreateAsync(bool isPostgres)
    {
        var worker = new JobWorker(batchSize);
        if (isPostgres)
        {
            await worker.UsePostgresAsync();
        }

        return worker;
    }

    private async Task<JobWorker> FilledAsync(bool isPostgres = false)
    {
        var worker = await CreateAsync(isPostgres);
        await using var opened = worker.Open();
        await JobWorker.FillAsync(opened.Archive, count);
        return worker;
    }

    private async Task<JobWorker> WithLettersAsync(bool isPostgres)
    {
        var worker = await CreateAsync(isPostgres);
        await using var opened = worker.Open();
        await opened.Archive.MigrateAsync(default);
        foreach (var part in Enumerable.Range(0, count).Chunk(5000))
        {
            await opened.Archive.CommitAsync(new ArchiveBatch([], [.. part.Select(Letter)]), default);
        }

        return worker;

        static DeadLetter Letter(int i)
        {
            var c = JobWorker.Make(i);
            var save = new SaveCheckpoint { Sequence = c.Sequence, Record = ByteString.CopyFrom(CheckpointCodec.Encode(c).Record.Span), Cached = true };
            return new DeadLetter($"letter:{i}", "too large", CommandReader.SaveContentType, save.ToByteArray(), c.ExecutionId);
        }
    }

    private async Task ShouldHoldAllAsync(ICheckpointArchive archive)
    {
        var all = await JobWorker.ReadAsync(archive);
        all.Count.ShouldBe(count);
        for (var i = 0; i < count; i++)
        {
            var expected = JobWorker.Make(i);
            JobWorker.ShouldEqual(all[expected.Key], expected);
        }
    }
}

/// <summary>
/// With a set that every run has time for, in steps so small that each kill is far from the start and the end; most end
/// inside an execution.
/// </summary>
public sealed class SmallJobKillTests() : JobKillTests(5000, 47);

/// <summary>With a large set, in steps of nearly the default size, which end inside an execution too.</summary>
[Trait("Category", "Long")]
public sealed class LargeJobKillTests() : JobKillTests(200_000, new JobOptions().BatchSize - 3);
