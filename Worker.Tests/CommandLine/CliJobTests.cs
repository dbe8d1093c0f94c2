using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>
/// A worker with two executions e-… of 50 checkpoints, 10 of them in a second stream, and three executions old-… of three.
/// All were saved long ago.
/// </summary>
public sealed class CliJobHost : IAsyncLifetime
{
    internal JobWorker Worker { get; } = new();

    public async Task InitializeAsync()
    {
        // A machine that stands still for a moment is no second attempt at a job.
        Worker["Jobs__Lease"] = "00:01:00";
        await using (var archive = Worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 100);
            var saves = new[] { "old-1", "old-2", "old-10" }
                .SelectMany(execution => Enumerable.Range(0, 3).Select(i => JobWorker.Make(i) with { ExecutionId = execution }))
                .Select(c => new ArchiveSave(c, SHA256.HashData(c.State.Span), false))
                .ToList();
            await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, saves, [])], []), default);
        }

        await Worker.StartAsync();
    }

    public async Task DisposeAsync() => await Worker.DisposeAsync();
}

/// <summary>What verbs of jobs ask the worker for, and what they print, to the letter.</summary>
public sealed class CliJobTests(CliJobHost host) : IClassFixture<CliJobHost>
{
    [Theory]
    [InlineData("--keep-last 3", 100, 88, """{"executionPrefix":"e-","dryRun":true,"rules":[{"executions":"*","keepLast":3}]}""")]
    [InlineData("--max-age 30.00:00:00", 100, 96, """{"executionPrefix":"e-","dryRun":true,"rules":[{"executions":"*","maxAge":"30.00:00:00"}]}""")]
    [InlineData(
        "--executions e-*1 --keep-last 5 --max-age 1.12:30:00",
        50,
        40,
        """{"executionPrefix":"e-","dryRun":true,"rules":[{"executions":"e-*1","maxAge":"1.12:30:00","keepLast":5}]}""")]
    public async Task Retention_DryRun_IsWhatTheOptionsSay(string options, int looked, int found, string arguments)
    {
        var output = await RunAsync(0, ["retention", "--dry-run", "--prefix", "e-", .. options.Split(' ')]);
        CliText.Masked(output).ShouldBe($"<id>\tretention\tcompleted\t{looked}/100\tfindings=0\twouldDelete={found}\t-\n");
        await ShouldHaveAskedForAsync(output, arguments);
    }

    [Fact]
    public async Task Retention_DryRunJson_IsTheJob() => CliText.Masked(
        await RunAsync(0, "retention", "--dry-run", "--max-age", "30.00:00:00", "--prefix", "e-", "--rate", "1000", "--json")).ShouldBe(
        """
        {"id":"<id>","kind":"retention","state":"completed","arguments":{"executionPrefix":"e-","dryRun":true,"rules":[{"executions":"*","maxAge":"30.00:00:00"}]},"priority":0,"itemsPerSecond":1000,"attempts":1,"maxAttempts":20,"done":100,"total":100,"rate":<n>,"etaSeconds":null,"counts":{"wouldDelete":96},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

        """);

    [Fact]
    public async Task Retention_WithoutDryRun_DeletesWhatItCountedBefore()
    {
        string[] command = ["retention", "--executions", "old-?", "--keep-last", "1", "--prefix", "old-"];
        CliText.Masked(await RunAsync(0, [.. command, "--dry-run"])).ShouldBe("<id>\tretention\tcompleted\t6/9\tfindings=0\twouldDelete=4\t-\n");
        (await KeysAsync("old-")).Count.ShouldBe(9);

        var output = await RunAsync(0, command);

        CliText.Masked(output).ShouldBe("<id>\tretention\tcompleted\t6/9\tfindings=0\tdeleted=4\t-\n");
        await ShouldHaveAskedForAsync(output, """{"executionPrefix":"old-","dryRun":false,"rules":[{"executions":"old-?","keepLast":1}]}""");
        (await KeysAsync("old-")).ShouldBe(["old-1/c-02", "old-10/c-00", "old-10/c-01", "old-10/c-02", "old-2/c-02"]);
    }

    [Theory]
    [InlineData("There is no rule")]
    [InlineData("at least one of the others", "--executions", "*")]
    public async Task Retention_NothingSaysWhatStays_IsRefused(string reason, params string[] options)
    {
        var result = await CliProcess.RunAsync(["retention", "--dry-run", .. options, "--url", $"{host.Worker.Http.BaseAddress}"]);
        (result.ExitCode, result.Output).ShouldBe((1, ""), result.Error);
        result.Error.ShouldContain(reason);
    }

    [Fact]
    public async Task Backfill_FileTwice_BringsWhatTheOptionsSayOnce()
    {
        Checkpoint[] lost = [JobWorker.Make(0) with { ExecutionId = "lost-1" }, JobWorker.Make(3) with { ExecutionId = "lost-2" }];
        var torn = LineOf(JobWorker.Make(1) with { ExecutionId = "lost-1" }).Replace("\"stateSha256\":\"", "\"stateSha256\":\"0", StringComparison.Ordinal);
        await WriteFileAsync("sub/lost.jsonl", LineOf(lost[0]), torn, LineOf(JobWorker.Make(2) with { ExecutionId = "other-lost" }), LineOf(lost[1]));
        string[] command = ["backfill", "file", "--path", "sub/lost.jsonl", "--prefix", "lost-"];

        var output = await RunAsync(4, command);

        CliText.Masked(output).ShouldBe(
            "unreadable\tline 2\tThe state does not match its SHA-256.\n"
            + "<id>\tbackfill\tcompleted\t4/4\tfindings=1\tarchived=2 refused=0 unchanged=0 unreadable=1\t-\n");
        await ShouldHaveAskedForAsync(output, """{"source":"file","path":"sub/lost.jsonl","executionPrefix":"lost-"}""");
        CliText.Masked(await RunAsync(4, [.. command, "--json"])).ShouldBe(
            """
            {"position":1,"kind":"unreadable","subject":"line 2","detail":"The state does not match its SHA-256."}
            {"id":"<id>","kind":"backfill","state":"completed","arguments":{"source":"file","path":"sub/lost.jsonl","executionPrefix":"lost-"},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":4,"total":4,"rate":<n>,"etaSeconds":null,"counts":{"archived":0,"refused":0,"unchanged":2,"unreadable":1},"findings":1,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

            """);
        (await KeysAsync("other-")).ShouldBeEmpty();
        await using var archive = host.Worker.OpenArchive();
        var all = await JobWorker.ReadAsync(archive);
        all.Keys.Count(key => key.ExecutionId.StartsWith("lost-", StringComparison.Ordinal)).ShouldBe(2);
        foreach (var checkpoint in lost)
        {
            JobWorker.ShouldEqual(all[checkpoint.Key], checkpoint);
        }
    }

    [Fact]
    public async Task Backfill_OneExecutionOfAFile_BringsOnlyThat()
    {
        await WriteFileAsync("one.jsonl", LineOf(JobWorker.Make(0) with { ExecutionId = "one" }), LineOf(JobWorker.Make(1) with { ExecutionId = "one-more" }));

        var output = await RunAsync(0, "backfill", "file", "--path", "one.jsonl", "--execution", "one");

        CliText.Masked(output).ShouldBe("<id>\tbackfill\tcompleted\t2/2\tfindings=0\tarchived=1 refused=0 unchanged=0 unreadable=0\t-\n");
        await ShouldHaveAskedForAsync(output, """{"source":"file","path":"one.jsonl","execution":"one"}""");
        (await KeysAsync("one")).ShouldBe(["one/c-00"]);
    }

    private static string LineOf(Checkpoint checkpoint)
    {
        var line = new ArrayBufferWriter<byte>();
        CheckpointLine.Write(line, checkpoint);
        return Encoding.UTF8.GetString(line.WrittenSpan);
    }

    private async Task WriteFileAsync(string path, params string[] lines)
    {
        var file = Path.Combine(host.Worker.JobFolder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        await File.WriteAllTextAsync(file, string.Concat(lines));
    }

    // The job is the last line.
    private async Task ShouldHaveAskedForAsync(string output, string arguments)
    {
        var job = await host.Worker.GetAsync(output.TrimEnd('\n').Split('\n')[^1].Split('\t')[0]);
        job.GetProperty("arguments").GetRawText().ShouldBe(arguments);
    }

    private async Task<IReadOnlyList<string>> KeysAsync(string prefix)
    {
        await using var archive = host.Worker.OpenArchive();
        return
        [
            .. (await JobWorker.ReadAsync(archive)).Keys.Select(key => $"{key}")
                .Where(key => key.StartsWith(prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal),
        ];
    }

    private async Task<string> RunAsync(int code, params string[] arguments)
    {
        var result = await CliProcess.RunAsync([.. arguments, "--url", $"{host.Worker.Http.BaseAddress}"]);
        result.ExitCode.ShouldBe(code, $"{result.Output}{result.Error}");
        if (arguments.Contains("--json"))
        {
            result.Error.ShouldBe("");
        }

        return result.Output;
    }
}
