using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Jobs.Export;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>The job driven step by step: its file, and what happens to it on the way.</summary>
public sealed class ExportTests
{
    [Fact]
    public async Task RunAsync_SavesMeanwhile_HasEachKeyOnceAndNothingNew()
    {
        await using var worker = new JobWorker();
        await using var archive = await OpenAsync(worker);
        await JobWorker.FillAsync(archive, 4);
        await using var steps = Run(worker, archive, "all.jsonl", batchSize: 1);
        (await steps.MoveNextAsync()).ShouldBeTrue();
        var later = CheckpointCodec.ToMicroseconds(TimeProvider.System.GetUtcNow()) + 60_000_000;
        Checkpoint[] saved = [JobWorker.Make(0) with { Sequence = later }, JobWorker.Make(0) with { Id = "new", Sequence = later + 1 }];
        var saves = saved.Select(c => new ArchiveSave(c, SHA256.HashData(c.State.Span), false)).ToList();
        await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, saves, [])], []), default);

        await EndAsync(steps);

        var lines = await File.ReadAllLinesAsync(Path.Combine(worker.JobFolder, "all.jsonl"));
        lines.Select(line => CheckpointLine.Read(line, 1 << 20).Id).ShouldBe(["c-00", "c-01", "c-02", "c-03"]);
    }

    [Fact]
    public async Task RunAsync_NothingToCompress_IsAValidGzipFile()
    {
        await using var worker = new JobWorker();
        await using var archive = await OpenAsync(worker);
        await EndAsync(Run(worker, archive, "none.jsonl.gz"));

        var bytes = await File.ReadAllBytesAsync(Path.Combine(worker.JobFolder, "none.jsonl.gz"));
        bytes.ShouldBe(EmptyGzip.Member.ToArray());
        using var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        gzip.ReadByte().ShouldBe(-1);
    }

    [Fact]
    public async Task RunAsync_AnotherRunnerHasTheFile_FailsForNow()
    {
        await using var worker = new JobWorker();
        await using var archive = await OpenAsync(worker);
        await JobWorker.FillAsync(archive, 4);
        await using var first = Run(worker, archive, "all.jsonl", batchSize: 1);
        (await first.MoveNextAsync()).ShouldBeTrue();
        await using var second = Run(worker, archive, "all.jsonl", batchSize: 1);

        var error = await Should.ThrowAsync<IOException>(() => EndAsync(second));

        TransientErrors.IsTransient(error).ShouldBeTrue();
    }

    [Fact]
    public async Task Leftovers_JobHasEnded_AreRemoved()
    {
        await using var worker = new JobWorker();
        await using var archive = await OpenAsync(worker);
        var parts = Directory.CreateDirectory(Path.Combine(worker.JobFolder, "sub")).FullName;
        var (cancelled, open, unknown) = (new string('a', 32), new string('b', 32), new string('c', 32));
        foreach (var id in new[] { cancelled, open, unknown })
        {
            await File.WriteAllTextAsync(Path.Combine(parts, $"all.jsonl.{id}.part"), "text");
        }

        foreach (var id in new[] { cancelled, open })
        {
            await archive.AddJobAsync(new NewJob(id, "export", "{}", 0, 1, null, TimeSpan.Zero, null), default);
        }

        await archive.CancelJobAsync(cancelled, default);
        var sut = new ExportLeftovers(FilesOf(worker), archive, Options.Create(new WorkerOptions()), NullLogger<ExportLeftovers>.Instance);

        (await sut.RunOnceAsync(default)).ShouldBe(1);

        Directory.GetFiles(parts).Select(Path.GetFileName).Order().ShouldBe([$"all.jsonl.{open}.part", $"all.jsonl.{unknown}.part"]);
        (await sut.RunOnceAsync(default)).ShouldBe(0);
    }

    [Fact]
    public async Task RunAsync_MetadataOfARowDamaged_IsAFindingAndTheOthersAreThere()
    {
        await using var worker = new JobWorker();
        await using var archive = await OpenAsync(worker);
        await JobWorker.FillAsync(archive, 4);
        await worker.SpoilMetadataAsync("c-01");
        await using var steps = Run(worker, archive, "all.jsonl");
        (await steps.MoveNextAsync()).ShouldBeTrue();
        steps.Current.Findings.Select(finding => (finding.Kind, finding.Subject)).ShouldBe([("unreadable", "e-000000/c-01")]);

        await EndAsync(steps);

        var lines = await File.ReadAllLinesAsync(Path.Combine(worker.JobFolder, "all.jsonl"));
        lines.Select(line => CheckpointLine.Read(line, 1 << 20).Id).ShouldBe(["c-00", "c-02", "c-03"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public void Resolve_FolderWithOrWithoutASlashAtItsEnd_TakesFilesBelowIt(string end)
    {
        var folder = Path.Combine(Path.GetTempPath(), "jobs");
        var sut = new JobFiles(Options.Create(new JobOptions { Path = folder + end }), Options.Create(new WorkerOptions()));
        sut.Resolve("sub/all.jsonl").ShouldBe(Path.Combine(folder, "sub", "all.jsonl"));
        Should.Throw<ArgumentException>(() => sut.Resolve("../all.jsonl"));
    }

    private static async Task EndAsync(IAsyncEnumerator<JobStep> steps)
    {
        while (await steps.MoveNextAsync())
        {
        }
    }

    private static async Task<SqliteArchive> OpenAsync(JobWorker worker)
    {
        var archive = worker.OpenArchive();
        await archive.MigrateAsync(default);
        return archive;
    }

    private static JobFiles FilesOf(JobWorker worker) =>
        new(Options.Create(new JobOptions { Path = worker.JobFolder }), Options.Create(new WorkerOptions()));

    private static IAsyncEnumerator<JobStep> Run(JobWorker worker, SqliteArchive archive, string path, int batchSize = 100) =>
        new ExportJob(archive, FilesOf(worker)).RunAsync(
            new JobContext(new string('e', 32), JsonElement.Parse($$"""{"path":"{{path}}"}"""), null, TimeProvider.System.GetUtcNow().AddDays(-1), TimeProvider.System.GetUtcNow(), batchSize), default)
            .GetAsyncEnumerator();
}
