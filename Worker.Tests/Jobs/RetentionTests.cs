using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Retention;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class RetentionTests
{
    [Fact]
    public async Task Retention_RulesByPattern_FirstThatFitsCounts()
    {
        await using var worker = new JobWorker();
        await FillAsync(worker, "keep-1", "aged-1", "both-1", "other");
        await worker.StartAsync();
        object[] rules =
        [
            new { executions = "keep-*", keepForever = true },
            new { executions = "aged-?", maxAge = "10.00:00:00" },
            new { executions = "both-*", maxAge = "10.00:00:00", keepLast = 4 },
        ];

        var dry = await worker.RunAsync("retention", new { rules, dryRun = true });
        var job = await worker.RunAsync("retention", new { rules });

        dry.GetProperty("counts").GetProperty("wouldDelete").GetInt64().ShouldBe(7 + 6);
        job.GetProperty("counts").GetProperty("deleted").GetInt64().ShouldBe(7 + 6);
        await using var archive = worker.OpenArchive();
        var left = (await JobWorker.ReadAsync(archive)).Values.ToLookup(c => c.ExecutionId, c => c.Id);
        left["keep-1"].Count().ShouldBe(10);
        left["other"].Count().ShouldBe(10);
        left["aged-1"].Order().ShouldBe(["c7", "c8", "c9"]);
        left["both-1"].Order().ShouldBe(["c6", "c7", "c8", "c9"]);
    }

    [Fact]
    public async Task Retention_Scheduled_RunsByConfiguration()
    {
        await using var worker = new JobWorker();
        await FillAsync(worker, "e");
        worker["Retention__Every"] = "00:00:01";
        worker["Retention__Rules__0__KeepLast"] = "1";
        await worker.StartAsync();
        await Deployment.UntilAsync(
            async () =>
            {
                await using var archive = worker.OpenArchive();
                return (await JobWorker.ReadAsync(archive)).Count == 1;
            },
            "the schedule has cleared all but the newest");
        (await worker.Http.GetStringAsync("/audit")).ShouldContain("\"actor\":\"schedule\"");
    }

    [Fact]
    public async Task Retention_CheckpointsInRedis_GoThereTooWithEvents()
    {
        await using var worker = new JobWorker();
        worker.UseServers();
        worker["Worker__OutboxInterval"] = "00:00:00.100";
        await worker.StartAsync();
        for (var i = 0; i < 5; i++)
        {
            (await worker.Http.PutAsync($"/executions/e/checkpoints/c{i}?durability=persisted", new StringContent($"{i}"))).EnsureSuccessStatusCode();
        }

        await worker.RunAsync("retention", new { rules = new[] { new { keepLast = 2 } } });

        await Deployment.UntilAsync(
            async () => (await worker.Http.GetAsync("/executions/e/checkpoints/c0")).StatusCode == HttpStatusCode.NotFound
                && (await worker.Http.GetAsync("/executions/e/checkpoints/c2")).StatusCode == HttpStatusCode.NotFound,
            "Redis has forgotten them");
        (await worker.Http.GetStringAsync("/executions/e/latest")).ShouldBe("4");
        (await worker.Http.GetAsync("/executions/e/checkpoints/c3")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await worker.RunAsync("verify", new { against = "cache" })).GetProperty("findings").GetInt64().ShouldBe(0);
    }

    [Fact]
    public async Task Retention_NewestDeletedBetweenTwoSteps_KeepsWhatIsNewestThen()
    {
        await using var worker = new JobWorker();
        await FillAsync(worker, "e");
        await using var archive = worker.OpenArchive();
        var sut = new RetentionJob(archive, Options.Create(new RetentionOptions { Rules = { new RetentionRule { KeepLast = 2 } } }));
        var context = new JobContext("job", JsonElement.Parse("{}"), null, TimeProvider.System.GetUtcNow(), TimeProvider.System.GetUtcNow(), BatchSize: 2);
        await using var steps = sut.RunAsync(context, default).GetAsyncEnumerator();
        (await steps.MoveNextAsync()).ShouldBeTrue();

        var newest = (await JobWorker.ReadAsync(archive)).Values.OrderByDescending(c => c.Sequence).Take(2)
            .Select(c => new Tombstone(c.ExecutionId, c.Namespace, c.Id, c.Sequence, false)).ToList();
        await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, [], newest)], []), default);
        while (await steps.MoveNextAsync())
        {
        }

        (await JobWorker.ReadAsync(archive)).Values.Select(c => c.Id).Order().ShouldBe(["c6", "c7"]);
    }

    [Theory]
    [InlineData("Retention__Rules__0__KeepLast", "0", "KeepLast is 0")]
    [InlineData("Retention__Every", "00:10:00", "a schedule needs at least one")]
    [InlineData("Jobs__Sources__x__Kind", "Sqlite", "Jobs:Sources:x:Path is not set")]
    [InlineData("Jobs__BatchSize", "0", "Jobs:BatchSize is 0; 1 to 10000 is allowed")]
    public async Task Start_SettingOutOfBounds_EndsAndNamesIt(string setting, string value, string reason)
    {
        await using var worker = await WorkerProcess.StartAsync(new Dictionary<string, string?> { [setting] = value });
        (await worker.WaitForExitAsync(Deployment.Patience)).ShouldNotBe(0);
        worker.Lines.ShouldContain(line => line.Contains(reason, StringComparison.Ordinal));
    }

    // c0 is 27 days old, c9 is new.
    private static async Task FillAsync(JobWorker worker, params string[] executions)
    {
        await using var archive = worker.OpenArchive();
        await archive.MigrateAsync(default);
        var now = CheckpointCodec.ToMicroseconds(TimeProvider.System.GetUtcNow());
        var saves = executions.SelectMany(execution => Enumerable.Range(0, 10).Select(i => new Checkpoint
        {
            ExecutionId = execution,
            Id = $"c{i}",
            Sequence = now - ((9 - i) * 3 * 86_400_000_000L) - (i < 7 ? 43_200_000_000L * 3 : 0),
            State = new byte[] { (byte)i },
            CreatedAt = DateTimeOffset.UnixEpoch,
        })).Select(c => new ArchiveSave(c, SHA256.HashData(c.State.Span), false)).ToList();
        await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, saves, [])], []), default);
    }
}
