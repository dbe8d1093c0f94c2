using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>
/// A worker with two executions e-… of 50 checkpoints, 10 of them in a second stream, three executions old-… of three, and
/// one of one whose checksum is wrong. All were saved long ago. Its dead letters: two that can be archived by now, and three
/// that cannot.
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
                .Append(new ArchiveSave(JobWorker.Make(0) with { ExecutionId = "spoilt-1" }, new byte[SHA256.HashSizeInBytes], false))
                .ToList();
            var letters = new[]
            {
                LetterOf("revived-1"), LetterOf("revived-2"), new DeadLetter("bad", "Not a message.", "text/plain", "x"u8.ToArray(), "bad"),
                new DeadLetter("unwanted-1", "Unwanted.", "text/plain", "x"u8.ToArray(), null), new DeadLetter("unwanted-2", "Unwanted.", "text/plain", "x"u8.ToArray(), null),
            };
            await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, saves, [])], []), default);
            foreach (var letter in letters)
            {
                // One by one: their numbers are their order.
                await archive.CommitAsync(new ArchiveBatch([], [letter]), default);
            }
        }

        await Worker.StartAsync();
    }

    public async Task DisposeAsync() => await Worker.DisposeAsync();

    private static DeadLetter LetterOf(string execution)
    {
        var record = CheckpointCodec.Encode(JobWorker.Make(0) with { ExecutionId = execution }).Record;
        var save = new SaveCheckpoint { Sequence = 5, Record = ByteString.CopyFrom(record.Span) };
        return new DeadLetter(execution, "It was too large.", CommandReader.SaveContentType, save.ToByteArray(), execution);
    }
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

    [Fact]
    public async Task Backfill_SavedBefore_EndsThere()
    {
        await RunAsync(0, "replay", "cache", "--execution", "e-000001");
        var output = await RunAsync(0, "backfill", "cache", "--execution", "e-000001", "--saved-before", "1970-01-01T00:16:40.000070Z");
        CliText.Masked(output).ShouldBe("<id>\tbackfill\tcompleted\t20/-\tfindings=0\tarchived=0 refused=0 unchanged=20 unreadable=0\t-\n");
        await ShouldHaveAskedForAsync(output, """{"source":"cache","savedBefore":"1970-01-01T00:16:40.00007\u002B00:00","execution":"e-000001"}""");
    }

    [Theory]
    [InlineData("events --prefix e- --node node-1 --rate 1000", "33/-", "sent=33")]
    [InlineData("queue:another --execution old-1", "3/3", "sent=3")]

    // A filter chooses executions here, and all of these.
    [InlineData("cache --execution e-000000 --namespace sub", "50/-", "deleted=0 ignored=0 warmed=50")]
    public async Task Replay_Plain_IsTheJob(string options, string done, string counts) => CliText.Masked(
        await RunAsync(0, ["replay", .. options.Split(' ')])).ShouldBe($"<id>\treplay\tcompleted\t{done}\tfindings=0\t{counts}\t-\n");

    [Fact]
    public async Task Replay_Json_IsTheJob() => CliText.Masked(
        await RunAsync(0, "replay", "events", "--prefix", "e-", "--metadata", """{"i":7}""", "--saved-from", "1970-01-01T00:00:00Z", "--saved-before", "2026-01-02T03:04:05Z", "--json")).ShouldBe(
        """
        {"id":"<id>","kind":"replay","state":"completed","arguments":{"to":"events","executionPrefix":"e-","metadata":{"i":7},"savedFrom":"<time>","savedBefore":"<time>"},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":1,"total":null,"rate":<n>,"etaSeconds":null,"counts":{"sent":1},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

        """);

    [Fact]
    public async Task Verify_Plain_IsWhatDiffersThenTheJob() => CliText.Masked(await RunAsync(4, "verify", "--prefix", "spoilt-")).ShouldBe(
        """
        damaged	spoilt-1/c-00	The state is not what was archived: its SHA-256 is <id><id>.
        <id>	verify	completed	1/1	findings=1	checked=1 compared=0 damaged=1	-

        """);

    [Fact]
    public async Task Verify_Json_IsWhatDiffersThenTheJob() => CliText.Masked(await RunAsync(4, "verify", "--prefix", "spoilt-", "--json")).ShouldBe(
        """
        {"position":1,"kind":"damaged","subject":"spoilt-1/c-00","detail":"The state is not what was archived: its SHA-256 is <id><id>."}
        {"id":"<id>","kind":"verify","state":"completed","arguments":{"executionPrefix":"spoilt-"},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":1,"total":1,"rate":<n>,"etaSeconds":null,"counts":{"checked":1,"compared":0,"damaged":1},"findings":1,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

        """);

    [Fact]
    public async Task DeadLetters_Retried_AreTheJob()
    {
        CliText.Masked(await RunAsync(0, "dead-letters", "retry", "1")).ShouldBe("<id>\tdead-letter-retry\tcompleted\t1/1\tfindings=0\tretried=1 stays=0\t-\n");
        CliText.Masked(await RunAsync(0, "dead-letters", "retry", "2", "--json")).ShouldBe(
            """
            {"id":"<id>","kind":"dead-letter-retry","state":"completed","arguments":{"ids":[2],"all":false},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":1,"total":1,"rate":<n>,"etaSeconds":null,"counts":{"retried":1,"stays":0},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

            """);
        (await KeysAsync("revived-")).ShouldBe(["revived-1/c-00", "revived-2/c-00"]);
    }

    [Fact]
    public async Task DeadLetters_RetriedInVain_AreFindings()
    {
        CliText.Masked(await RunAsync(4, "dead-letters", "retry", "3")).ShouldBe(
            """
            stays	3	A message of content type 'text/plain' cannot be sent again.
            <id>	dead-letter-retry	completed	1/1	findings=1	retried=0 stays=1	-

            """);
        CliText.Masked(await RunAsync(4, "dead-letters", "retry", "3", "--json")).ShouldBe(
            """
            {"position":1,"kind":"stays","subject":"3","detail":"A message of content type 'text/plain' cannot be sent again."}
            {"id":"<id>","kind":"dead-letter-retry","state":"completed","arguments":{"ids":[3],"all":false},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":1,"total":1,"rate":<n>,"etaSeconds":null,"counts":{"retried":0,"stays":1},"findings":1,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

            """);
    }

    [Fact]
    public async Task DeadLetters_Discarded_AreTheJob()
    {
        CliText.Masked(await RunAsync(0, "dead-letters", "discard", "4")).ShouldBe("<id>\tdead-letter-discard\tcompleted\t1/1\tfindings=0\tdiscarded=1 stays=0\t-\n");
        CliText.Masked(await RunAsync(0, "dead-letters", "discard", "5", "--json")).ShouldBe(
            """
            {"id":"<id>","kind":"dead-letter-discard","state":"completed","arguments":{"ids":[5],"all":false},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":1,"total":1,"rate":<n>,"etaSeconds":null,"counts":{"discarded":1,"stays":0},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

            """);
    }

    [Fact]
    public async Task Jobs_ShownCancelledWatchedPlain_AreTheJob()
    {
        var id = await PostForTomorrowAsync();
        CliText.Masked(await RunAsync(0, "jobs", "show", id)).ShouldBe("<id>\tverify\tavailable\t0/-\tfindings=0\t-\t-\n");
        CliText.Masked(await RunAsync(0, "jobs", "cancel", id)).ShouldBe("<id>\tverify\tcancelled\t0/-\tfindings=0\t-\t-\n");
        CliText.Masked(await RunAsync(130, "jobs", "watch", id)).ShouldBe("<id>\tverify\tcancelled\t0/-\tfindings=0\t-\t-\n");
    }

    [Fact]
    public async Task Jobs_ShownCancelledWatchedJson_AreTheJob()
    {
        const string available =
            """
            {"id":"<id>","kind":"verify","state":"available","arguments":{"executionPrefix":"e-"},"priority":0,"itemsPerSecond":null,"attempts":0,"maxAttempts":20,"done":0,"total":null,"rate":<n>,"etaSeconds":null,"counts":{},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":null,"updatedAt":"<time>","finishedAt":null}

            """;
        const string cancelled =
            """
            {"id":"<id>","kind":"verify","state":"cancelled","arguments":{"executionPrefix":"e-"},"priority":0,"itemsPerSecond":null,"attempts":0,"maxAttempts":20,"done":0,"total":null,"rate":<n>,"etaSeconds":null,"counts":{},"findings":0,"error":null,"cancelRequested":true,"createdAt":"<time>","scheduledAt":"<time>","startedAt":null,"updatedAt":"<time>","finishedAt":"<time>"}

            """;
        var id = await PostForTomorrowAsync();
        CliText.Masked(await RunAsync(0, "jobs", "show", id, "--json")).ShouldBe(available);
        CliText.Masked(await RunAsync(0, "jobs", "cancel", id, "--json")).ShouldBe(cancelled);
        CliText.Masked(await RunAsync(130, "jobs", "watch", id, "--json")).ShouldBe(cancelled);
    }

    [Fact]
    public async Task Verify_Detached_IsTheJobAsItBegins()
    {
        CliText.Masked(await RunAsync(0, "verify", "--execution", "e-000001", "--detach")).ShouldBe("<id>\tverify\tavailable\t0/-\tfindings=0\t-\t-\n");
        CliText.Masked(await RunAsync(0, "verify", "--execution", "e-000001", "--detach", "--json")).ShouldBe(
            """
            {"id":"<id>","kind":"verify","state":"available","arguments":{"execution":"e-000001"},"priority":0,"itemsPerSecond":null,"attempts":0,"maxAttempts":20,"done":0,"total":null,"rate":<n>,"etaSeconds":null,"counts":{},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":null,"updatedAt":"<time>","finishedAt":null}

            """);
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

    private Task<string> PostForTomorrowAsync() =>
        host.Worker.PostAsync("verify", new { executionPrefix = "e-" }, scheduledAt: TimeProvider.System.GetUtcNow().AddDays(1));

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
