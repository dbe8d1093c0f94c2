using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>A worker with two dead letters, and a job in each of three states. Nothing may be added.</summary>
public sealed class CliListHost : IAsyncLifetime
{
    internal JobWorker Worker { get; } = new();

    public async Task InitializeAsync()
    {
        await using (var archive = Worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 100);
            foreach (var letter in new[]
            {
                new DeadLetter("letter-1", "Not a message.", "text/plain", "body"u8.ToArray(), null),
                new DeadLetter("letter-2", "Größe\t<17 MiB>", "application/x-protobuf", new byte[300], "run-42"),
            })
            {
                await archive.CommitAsync(new ArchiveBatch([], [letter]), default);
            }
        }

        await Worker.StartAsync();
        await Worker.RunAsync("verify", new { executionPrefix = "e-" });
        await Worker.WaitAsync(await Worker.PostAsync("backfill", new { source = "file", path = "none.jsonl" }));
        await Worker.PostAsync("export", new { path = "all.jsonl" }, itemsPerSecond: 7, scheduledAt: TimeProvider.System.GetUtcNow().AddDays(1));
    }

    public async Task DisposeAsync() => await Worker.DisposeAsync();
}

/// <summary>What lists print, to the letter.</summary>
public sealed class CliListTests(CliListHost host) : IClassFixture<CliListHost>
{
    [Fact]
    public async Task DeadLetters_Plain_IsColumnsWithTabs() => CliText.Masked(await RunAsync("dead-letters", "list")).ShouldBe(
        """
        2	<time>	run-42	300	Größe�<17 MiB>
        1	<time>	-	4	Not a message.

        """);

    [Fact]
    public async Task DeadLetters_Json_IsOneObjectALine() => CliText.Masked(await RunAsync("dead-letters", "list", "--json")).ShouldBe(
        """
        {"id":2,"letterId":"letter-2","reason":"Größe\t<17 MiB>","contentType":"application/x-protobuf","executionId":"run-42","bodyBytes":300,"createdAt":"<time>"}
        {"id":1,"letterId":"letter-1","reason":"Not a message.","contentType":"text/plain","executionId":null,"bodyBytes":4,"createdAt":"<time>"}

        """);

    [Fact]
    public async Task DeadLetters_Limit_TakesTheNewest() => (await RunAsync("dead-letters", "list", "--limit", "1")).ShouldStartWith("2\t");

    [Theory]
    [InlineData]
    [InlineData("--json")]
    public async Task DeadLetter_Shown_IsJsonWithItsBody(params string[] options) => CliText.Masked(await RunAsync(["dead-letters", "show", "1", .. options])).ShouldBe(
        """
        {"id":1,"letterId":"letter-1","reason":"Not a message.","contentType":"text/plain","executionId":null,"bodyBytes":4,"createdAt":"<time>","body":"Ym9keQ=="}

        """);

    [Fact]
    public async Task Jobs_Plain_IsColumnsWithTabs() => CliText.Masked(await RunAsync("jobs", "list")).ShouldBe(
        """
        <id>	export	available	0/-	findings=0	-	-
        <id>	backfill	discarded	0/-	findings=0	-	There is no file 'none.jsonl' in the folder of jobs.
        <id>	verify	completed	100/100	findings=0	checked=100 compared=0	-

        """);

    [Fact]
    public async Task Jobs_Json_IsOneObjectALine() => CliText.Masked(await RunAsync("jobs", "list", "--json")).ShouldBe(
        """
        {"id":"<id>","kind":"export","state":"available","arguments":{"path":"all.jsonl"},"priority":0,"itemsPerSecond":7,"attempts":0,"maxAttempts":20,"done":0,"total":null,"rate":<n>,"etaSeconds":null,"counts":{},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":null,"updatedAt":"<time>","finishedAt":null}
        {"id":"<id>","kind":"backfill","state":"discarded","arguments":{"source":"file","path":"none.jsonl"},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":0,"total":null,"rate":<n>,"etaSeconds":null,"counts":{},"findings":0,"error":"There is no file 'none.jsonl' in the folder of jobs.","cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}
        {"id":"<id>","kind":"verify","state":"completed","arguments":{"executionPrefix":"e-"},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":100,"total":100,"rate":<n>,"etaSeconds":null,"counts":{"checked":100,"compared":0},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

        """);

    [Fact]
    public async Task Jobs_StateAndLimit_ChooseAmongThem()
    {
        CliText.Masked(await RunAsync("jobs", "list", "--state", "completed")).ShouldBe("<id>\tverify\tcompleted\t100/100\tfindings=0\tchecked=100 compared=0\t-\n");
        (await RunAsync("jobs", "list", "--state", "running", "--json")).ShouldBe("");
        CliText.Masked(await RunAsync("jobs", "list", "--limit", "1")).ShouldBe("<id>\texport\tavailable\t0/-\tfindings=0\t-\t-\n");
    }

    private async Task<string> RunAsync(params string[] arguments)
    {
        var result = await CliProcess.RunAsync([.. arguments, "--url", host.Worker.Http.BaseAddress!.ToString()]);
        (result.ExitCode, result.Error).ShouldBe((0, ""));
        return result.Output;
    }
}
