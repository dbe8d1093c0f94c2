using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

/// <summary>A worker with 500 checkpoints and three dead letters, of which one can be archived.</summary>
public sealed class OperationsHost : IAsyncLifetime
{
    internal JobWorker Worker { get; } = new();

    public async Task InitializeAsync()
    {
        await using (var archive = Worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 500);
            var save = new SaveCheckpoint
            {
                Sequence = 5,
                Record = ByteString.CopyFrom(CheckpointCodec.Encode(JobWorker.Make(7) with { ExecutionId = "revived" }).Record.Span),
                Cached = true,
            };
            await archive.CommitAsync(
                new ArchiveBatch(
                    [],
                    [
                        new("good", "it was too large", CommandReader.SaveContentType, save.ToByteArray(), "revived"),
                        new("bad", "not readable", "text/plain", "hello"u8.ToArray(), null),
                        new("worse", "not readable", "text/plain", "bye"u8.ToArray(), null),
                    ]),
                default);
        }

        await Worker.StartAsync();
    }

    public async Task DisposeAsync() => await Worker.DisposeAsync();
}

public sealed class OperationsApiTests(OperationsHost host) : IClassFixture<OperationsHost>
{
    private HttpClient Http => host.Worker.Http;

    [Fact]
    public async Task Jobs_StartedListedCancelled_TellWhereTheyStand()
    {
        using var started = await Http.PostAsJsonAsync("/jobs", new { kind = "verify", itemsPerSecond = 10 });
        started.StatusCode.ShouldBe(HttpStatusCode.Created);
        var job = await started.Content.ReadFromJsonAsync<JsonElement>();
        var id = job.GetProperty("id").GetString()!;
        started.Headers.Location!.OriginalString.ShouldBe($"/jobs/{id}");

        // The first step knows nothing yet of the bound on its rate; what is left seems to take no time.
        await Pipeline.Deployment.UntilAsync(
            async () => (job = await host.Worker.GetAsync(id)).GetProperty("done").GetInt64() > 0
                && job.GetProperty("etaSeconds") is { ValueKind: JsonValueKind.Number } eta && eta.GetDouble() > 0,
            "it has begun, and has an estimate");
        job.GetProperty("state").GetString().ShouldBe("running");
        job.GetProperty("total").GetInt64().ShouldBeGreaterThanOrEqualTo(500);

        (await Http.PostAsync($"/jobs/{id}/cancel", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await host.Worker.WaitAsync(id)).GetProperty("state").GetString().ShouldBe("cancelled");
        (await Http.PostAsync($"/jobs/{id}/cancel", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        var list = await Http.GetFromJsonAsync<JsonElement>("/jobs?state=cancelled&kind=verify&limit=1000");
        list.GetProperty("items").EnumerateArray().ShouldContain(item => item.GetProperty("id").GetString() == id);
        var audit = await Http.GetStringAsync("/audit");
        audit.ShouldContain("job.start");
        audit.ShouldContain("job.cancel");
    }

    [Fact]
    public async Task Jobs_SameUniqueKey_IsAConflict()
    {
        var request = new { kind = "verify", uniqueKey = "one" };
        (await Http.PostAsJsonAsync("/jobs", request)).StatusCode.ShouldBe(HttpStatusCode.Created);
        await ProblemAsync(await Http.PostAsJsonAsync("/jobs", request), HttpStatusCode.Conflict);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"kind":null}""")]
    [InlineData("""{"kind":"nothing"}""")]
    [InlineData("""{"kind":"verify","unknown":1}""")]
    [InlineData("""{"kind":"verify","itemsPerSecond":0}""")]
    [InlineData("""{"kind":"verify","itemsPerSecond":"9"}""")]
    [InlineData("""{"kind":"verify","arguments":[]}""")]
    [InlineData("""{"kind":"verify","arguments":{"against":"elsewhere"}}""")]
    [InlineData("""{"kind":"verify","arguments":{"node":"x"}}""")]
    [InlineData("""{"kind":"verify","arguments":{"execution":"a","executionPrefix":"b"}}""")]
    [InlineData("""{"kind":"export","arguments":{}}""")]
    [InlineData("""{"kind":"export","arguments":{"path":"/etc/passwd"}}""")]
    [InlineData("""{"kind":"export","arguments":{"path":"../x"}}""")]
    [InlineData("""{"kind":"export","arguments":{"path":"a/../../x"}}""")]
    [InlineData("""{"kind":"backfill","arguments":{}}""")]
    [InlineData("""{"kind":"backfill","arguments":{"source":"file"}}""")]
    [InlineData("""{"kind":"backfill","arguments":{"source":"file","path":"x","node":"y"}}""")]
    [InlineData("""{"kind":"replay","arguments":{}}""")]
    [InlineData("""{"kind":"replay","arguments":{"to":"queue:a b"}}""")]
    [InlineData("""{"kind":"replay","arguments":{"to":"cache","savedBefore":"2026-01-01T00:00:00Z"}}""")]
    [InlineData("""{"kind":"replay","arguments":{"to":"events","metadata":[1]}}""")]
    [InlineData("""{"kind":"erase"}""")]
    [InlineData("""{"kind":"erase","arguments":{"executions":"*"}}""")]
    [InlineData("""{"kind":"erase","arguments":{"executions":"*?*","dryRun":true}}""")]
    [InlineData("""{"kind":"erase","arguments":{"executions":"","metadata":{"person":1}}}""")]
    [InlineData("""{"kind":"erase","arguments":{"executions":"a","metadata":{}}}""")]
    [InlineData("""{"kind":"erase","arguments":{"metadata":[]}}""")]
    [InlineData("""{"kind":"retention"}""")]
    [InlineData("""{"kind":"retention","arguments":{"rules":[{}]}}""")]
    [InlineData("""{"kind":"retention","arguments":{"rules":[{"keepLast":0}]}}""")]
    [InlineData("""{"kind":"retention","arguments":{"rules":[{"keepForever":true,"keepLast":1}]}}""")]
    [InlineData("""{"kind":"retention","arguments":{"rules":[{"executions":"a\u0000","keepLast":1}]}}""")]
    [InlineData("""{"kind":"verify","uniqueKey":""}""")]
    [InlineData("""{"kind":"verify","uniqueKey":"a\u0000"}""")]
    [InlineData("""{"kind":"dead-letter-retry"}""")]
    [InlineData("""{"kind":"dead-letter-retry","arguments":{"reason":"\u0000"}}""")]
    public async Task Jobs_NotValid_IsABadRequest(string body) => await ProblemAsync(
        await Http.PostAsync("/jobs", new StringContent(body, Encoding.UTF8, "application/json")), HttpStatusCode.BadRequest);

    [Fact]
    public async Task Jobs_ScheduledTooFarAhead_IsNamed()
    {
        var refused = await Http.PostAsJsonAsync("/jobs", new { kind = "verify", scheduledAt = "9999-12-31T23:59:59.9999999Z" });
        var problem = await refused.Content.ReadFromJsonAsync<JsonElement>();
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest, problem.ToString());
        problem.GetProperty("field").GetString().ShouldBe("scheduledAt");
        problem.GetProperty("detail").GetString()!.ShouldSatisfyAllConditions(
            detail => detail.ShouldStartWith("ScheduledAt is 9999-12-31T23:59:59.9999999+00:00;"), detail => detail.ShouldContain("10 years"));

        var next = TimeProvider.System.GetUtcNow().AddYears(9);
        var job = await (await Http.PostAsJsonAsync("/jobs", new { kind = "verify", scheduledAt = next })).Content.ReadFromJsonAsync<JsonElement>();
        job.GetProperty("scheduledAt").GetDateTimeOffset().ShouldBe(next, TimeSpan.FromMinutes(1));
        (await Http.GetAsync("/jobs?limit=1000")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Http.PostAsync($"/jobs/{job.GetProperty("id").GetString()}/cancel", null)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("savedFrom", "0001-01-01T00:00:00Z", 200)]
    [InlineData("savedBefore", "9999-12-31T23:59:59.9999999Z", 200)]
    [InlineData("savedFrom", "0001-01-01T00:00:00%2B14:00", 400)]
    [InlineData("savedBefore", "9999-12-31T23:59:59.9999999-14:00", 400)]
    public async Task Export_MomentAtTheEnd_IsTakenOrRefused(string name, string value, int status) =>
        (await Http.GetAsync($"/export?execution=none&{name}={value}")).StatusCode.ShouldBe((HttpStatusCode)status);

    [Theory]
    [InlineData("""{"kind":"export","arguments":{"path":"moments.jsonl","savedFrom":"0001-01-01T00:00:00Z","savedBefore":"9999-12-31T23:59:59.9999999Z"}}""")]
    [InlineData("""{"kind":"retention","arguments":{"dryRun":true,"rules":[{"executions":"*","maxAge":"10675199.02:48:05.4775807"}]}}""")]
    [InlineData("""{"kind":"verify","scheduledAt":"0001-01-01T00:00:00Z"}""")]
    public async Task Jobs_MomentAtTheEnd_Completes(string body)
    {
        var started = await Http.PostAsync("/jobs", new StringContent(body, Encoding.UTF8, "application/json"));
        started.StatusCode.ShouldBe(HttpStatusCode.Created, await started.Content.ReadAsStringAsync());
        var id = (await started.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        (await host.Worker.WaitAsync(id)).GetProperty("state").GetString().ShouldBe("completed");
    }

    [Theory]
    [InlineData("GET", "/jobs/none", 404)]
    [InlineData("GET", "/jobs/none/findings", 404)]
    [InlineData("POST", "/jobs/none/cancel", 404)]
    [InlineData("GET", "/jobs?kind=%00", 400)]
    [InlineData("GET", "/jobs?kind=walking", 400)]
    [InlineData("GET", "/jobs?continuationToken=%00", 400)]
    [InlineData("GET", "/jobs?continuationToken=", 400)]
    [InlineData("GET", "/jobs?state=walking", 400)]
    [InlineData("GET", "/jobs?limit=0", 400)]
    [InlineData("GET", "/dead-letters/none", 400)]
    [InlineData("GET", "/dead-letters/999999", 404)]
    [InlineData("DELETE", "/dead-letters/999999", 404)]
    [InlineData("POST", "/dead-letters/999999/retry", 404)]
    [InlineData("GET", "/dead-letters?continuationToken=x", 400)]
    [InlineData("GET", "/stats?x=1", 400)]
    [InlineData("DELETE", "/stats", 405)]
    [InlineData("POST", "/jobs", 415)]
    public async Task Paths_NotValid_AreProblems(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        await ProblemAsync(await Http.SendAsync(request), (HttpStatusCode)status);
    }

    [Fact]
    public async Task Jobs_FromAPageOfAnotherOrigin_AreRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/jobs") { Content = JsonContent.Create(new { kind = "verify" }) };
        request.Headers.Add("Origin", "http://evil.example");
        await ProblemAsync(await Http.SendAsync(request), HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task DeadLetters_ListedShownRetriedDiscarded()
    {
        var list = (await Http.GetFromJsonAsync<JsonElement>("/dead-letters")).GetProperty("items").EnumerateArray().ToDictionary(item => item.GetProperty("letterId").GetString()!);
        list["bad"].TryGetProperty("body", out _).ShouldBeFalse();
        var bad = $"/dead-letters/{list["bad"].GetProperty("id").GetInt64()}";
        var good = $"/dead-letters/{list["good"].GetProperty("id").GetInt64()}";
        (await Http.GetFromJsonAsync<JsonElement>(bad)).GetProperty("body").GetBytesFromBase64().ShouldBe("hello"u8.ToArray());

        await ProblemAsync(await Http.PostAsync($"{bad}/retry", null), HttpStatusCode.UnprocessableEntity);
        (await Http.PostAsync($"{good}/retry", null)).StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await Http.DeleteAsync(bad)).StatusCode.ShouldBe(HttpStatusCode.NoContent);

        await ProblemAsync(await Http.GetAsync(good), HttpStatusCode.NotFound);
        await ProblemAsync(await Http.GetAsync(bad), HttpStatusCode.NotFound);
        var (goodId, badId) = ($"{list["good"].GetProperty("id")}", $"{list["bad"].GetProperty("id")}");
        (await Http.GetFromJsonAsync<JsonElement>("/audit")).GetProperty("items").EnumerateArray()
            .Where(entry => entry.GetProperty("action").GetString()!.StartsWith("dead-letter", StringComparison.Ordinal))
            .Select(entry => (entry.GetProperty("action").GetString(), entry.GetProperty("subject").GetString()))
            .ShouldBe([("dead-letter.discard", badId), ("dead-letter.retry", goodId), ("dead-letter.retry", badId)]);
        (await Http.GetStringAsync("/executions/revived/checkpoints?allNamespaces=true")).ShouldContain("\"c-07\"");
        var stats = await Http.GetFromJsonAsync<JsonElement>("/stats");
        stats.GetProperty("deadLetters").GetInt64().ShouldBe(1);
        stats.GetProperty("archived").GetInt64().ShouldBe(501);
        stats.GetProperty("pending").GetInt64().ShouldBe(0);
        stats.GetProperty("archivedIsEstimate").GetBoolean().ShouldBeFalse();
    }

    [Fact]
    public async Task History_HasSamples_AndTellsWhatIsNew()
    {
        JsonElement sample = default;
        await Pipeline.Deployment.UntilAsync(
            async () =>
            {
                var history = await Http.GetFromJsonAsync<JsonElement>("/stats/history");
                history.GetProperty("intervalSeconds").GetDouble().ShouldBe(10);
                sample = history.GetProperty("samples").EnumerateArray().LastOrDefault();
                return sample.ValueKind == JsonValueKind.Object && sample.GetProperty("deadLetters").ValueKind == JsonValueKind.Number
                    && sample.GetProperty("queueDepth") is { ValueKind: JsonValueKind.Number } depth && depth.GetInt64() == 0;
            },
            "the archive is looked at");
        sample.GetProperty("deadLetters").GetInt64().ShouldBeGreaterThan(0);
        var at = Uri.EscapeDataString(sample.GetProperty("at").GetString()!);
        (await Http.GetFromJsonAsync<JsonElement>($"/stats/history?after={at}")).GetProperty("samples").EnumerateArray()
            .ShouldAllBe(later => later.GetProperty("at").GetDateTimeOffset() > sample.GetProperty("at").GetDateTimeOffset());
        await ProblemAsync(await Http.GetAsync("/stats/history?after=yesterday"), HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Deletions_AreAudited()
    {
        (await Http.DeleteAsync("/executions/doomed/checkpoints/c-1?namespace=sub")).EnsureSuccessStatusCode();
        (await Http.DeleteAsync("/executions/doomed")).EnsureSuccessStatusCode();
        var entries = (await Http.GetFromJsonAsync<JsonElement>("/audit")).GetProperty("items").EnumerateArray()
            .Where(entry => entry.GetProperty("subject").GetString() == "doomed")
            .Select(entry => $"{entry.GetProperty("action").GetString()} {entry.GetProperty("detail").GetString()}");
        entries.ShouldBe(["execution.clear ", "checkpoint.delete sub c-1"]);
    }

    private static async Task ProblemAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(status, text);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }
}
