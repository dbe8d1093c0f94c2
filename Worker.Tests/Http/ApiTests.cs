using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Worker.Http;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

/// <summary>What the HTTP API does, whatever client it serves. A class that derives from it brings the host.</summary>
public abstract partial class ApiTests(ApiHost host)
{
    private readonly string _execution = $"e-{Guid.NewGuid():N}";

    private HttpClient Http => host.Http;

    [Fact]
    public async Task Save_AllFields_ComeBackInHeadersAndBody()
    {
        byte[] state = [0, 255, 10, 13, 0, 128];
        using var saved = await SaveAsync(
            "?namespace=n%2F1&id=c1&parentId=p%C3%A4&node=plan&version=-7&createdAt=2026-01-02T03:04:05.678901Z&durability=persisted",
            state, "application/x-own; a=b", """{"a":{"b":[1,"ü😀"]}}""");
        saved.StatusCode.ShouldBe(HttpStatusCode.Created);
        saved.Headers.Location!.OriginalString.ShouldBe($"/executions/{_execution}/checkpoints/c1?namespace=n%2F1");
        var result = await JsonAsync(saved);
        result.GetProperty("executionId").GetString().ShouldBe(_execution);
        result.GetProperty("namespace").GetString().ShouldBe("n/1");
        result.GetProperty("id").GetString().ShouldBe("c1");
        result.GetProperty("reached").GetString().ShouldBe("persisted");
        result.GetProperty("unchanged").GetBoolean().ShouldBeFalse();
        var sequence = result.GetProperty("sequence").GetInt64();
        saved.Headers.ETag!.Tag.ShouldBe($"\"{sequence}\"");

        using var loaded = await Http.GetAsync(saved.Headers.Location);
        loaded.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await loaded.Content.ReadAsByteArrayAsync()).ShouldBe(state);
        loaded.Content.Headers.ContentType!.ToString().ShouldBe("application/x-own; a=b");
        Header(loaded, "Checkpoint-Execution").ShouldBe(_execution);
        Header(loaded, "Checkpoint-Namespace").ShouldBe("n%2F1");
        Header(loaded, "Checkpoint-Id").ShouldBe("c1");
        Header(loaded, "Checkpoint-Parent-Id").ShouldBe("p%C3%A4");
        Header(loaded, "Checkpoint-Node").ShouldBe("plan");
        Header(loaded, "Checkpoint-Version").ShouldBe("-7");
        Header(loaded, "Checkpoint-Sequence").ShouldBe($"{sequence}");
        Header(loaded, "Checkpoint-Created-At").ShouldBe("2026-01-02T03:04:05.678901Z");
        JsonElement.DeepEquals(JsonElement.Parse(Header(loaded, "Checkpoint-Metadata")!), JsonElement.Parse("""{"a":{"b":[1,"ü😀"]}}""")).ShouldBeTrue();
        loaded.Headers.ETag!.Tag.ShouldBe($"\"{sequence}\"");
    }

    [Fact]
    public async Task Save_Nothing_IsAnEmptyStateWithAnId()
    {
        using var saved = await Http.PostAsync(Path(), null);
        saved.StatusCode.ShouldBe(HttpStatusCode.Created);
        using var loaded = await Http.GetAsync(saved.Headers.Location);
        (await loaded.Content.ReadAsByteArrayAsync()).ShouldBeEmpty();
        loaded.Content.Headers.ContentType!.ToString().ShouldBe("application/octet-stream");
        Header(loaded, "Checkpoint-Id").ShouldBe((await JsonAsync(saved)).GetProperty("id").GetString());
    }

    [Fact]
    public async Task Put_SameAgain_IsUnchanged()
    {
        var when = "?createdAt=2026-01-02T03:04:05Z";
        using var first = await Http.PutAsync($"{Path()}/a{when}", Body("x"));
        using var second = await Http.PutAsync($"{Path()}/a{when}", Body("x"));
        using var third = await Http.PutAsync($"{Path()}/a{when}", Body("y"));
        (first.StatusCode, second.StatusCode, third.StatusCode).ShouldBe((HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.Created));
        (await JsonAsync(second)).GetProperty("unchanged").GetBoolean().ShouldBeTrue();
        (await JsonAsync(second)).GetProperty("sequence").GetInt64().ShouldBe((await JsonAsync(first)).GetProperty("sequence").GetInt64());
    }

    [Fact]
    public async Task Save_ExpectedLatest_IsFenced()
    {
        (await Http.PostAsync($"{Path()}?id=a&expectedLatestId=", Body("1"))).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await Http.PostAsync($"{Path()}?id=b&expectedLatestId=a", Body("2"))).StatusCode.ShouldBe(HttpStatusCode.Created);
        var problem = await ProblemAsync(await Http.PostAsync($"{Path()}?id=c&expectedLatestId=a", Body("3")), HttpStatusCode.Conflict, "conflict");
        problem.GetProperty("expectedLatestId").GetString().ShouldBe("a");
        problem.GetProperty("actualLatestId").GetString().ShouldBe("b");
    }

    [Fact]
    public async Task Latest_IdNamedLatest_DoesNotCollide()
    {
        (await Http.PutAsync($"{Path()}/latest", Body("named"))).EnsureSuccessStatusCode();
        (await Http.PutAsync($"{Path()}/fork", Body("newest"))).EnsureSuccessStatusCode();
        (await Http.GetStringAsync($"{Path()}/latest")).ShouldBe("named");
        (await Http.GetStringAsync($"/executions/{_execution}/latest")).ShouldBe("newest");
        (await Http.PostAsync($"{Path()}/fork/fork?to={_execution}-2", null)).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await Http.GetStringAsync($"/executions/{_execution}-2/latest")).ShouldBe("newest");
    }

    [Fact]
    public async Task Load_KnownETag_IsNotModified()
    {
        using var saved = await Http.PutAsync($"{Path()}/a", Body("x"));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/executions/{_execution}/latest");
        request.Headers.IfNoneMatch.Add(saved.Headers.ETag!);
        (await Http.SendAsync(request)).StatusCode.ShouldBe(HttpStatusCode.NotModified);
    }

    [Fact]
    public async Task Load_AsJson_HasEverything()
    {
        var metadata = JsonSerializer.Serialize(new { text = new string('ü', 5000) });
        using var saved = await SaveAsync("?id=a", [1, 2, 3], "a/b", metadata);
        using var raw = await Http.GetAsync($"{Path()}/a");
        Header(raw, "Checkpoint-Metadata").ShouldBeNull();
        int.Parse(Header(raw, "Checkpoint-Metadata-Omitted")!, System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(16 * 1024);
        var json = await Http.GetFromJsonAsync<JsonElement>($"{Path()}/a?format=json");
        json.GetProperty("state").GetBytesFromBase64().ShouldBe([1, 2, 3]);
        JsonElement.DeepEquals(json.GetProperty("metadata"), JsonElement.Parse(metadata)).ShouldBeTrue();
    }

    [Fact]
    public async Task Head_TellsWhetherItExists()
    {
        (await Http.PutAsync($"{Path()}/a", Body("x"))).EnsureSuccessStatusCode();
        (await Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"{Path()}/a"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"{Path()}/b"))).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"/executions/{_execution}/latest"))).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Delete_CheckpointThenExecution_SaysWhatWasReached()
    {
        (await Http.PutAsync($"{Path()}/a?namespace=n", Body("x"))).EnsureSuccessStatusCode();
        (await Http.PutAsync($"{Path()}/b", Body("x"))).EnsureSuccessStatusCode();
        using var deleted = await Http.DeleteAsync($"{Path()}/a?namespace=n&durability=persisted");
        (await JsonAsync(deleted)).GetProperty("reached").GetString().ShouldBe("persisted");
        await ProblemAsync(await Http.GetAsync($"{Path()}/a?namespace=n"), HttpStatusCode.NotFound, "not-found");
        (await Http.GetAsync($"{Path()}/b")).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var cleared = await Http.DeleteAsync($"/executions/{_execution}?durability=persisted");
        (await JsonAsync(cleared)).GetProperty("reached").GetString().ShouldBe("persisted");
        await ProblemAsync(await Http.GetAsync($"/executions/{_execution}/latest"), HttpStatusCode.NotFound, "not-found");
        (await Http.DeleteAsync($"{Path()}/never")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Save_ContentTypeThatNoHeaderCanHold_ComesBackEncoded()
    {
        using var content = new ByteArrayContent([1]);
        content.Headers.TryAddWithoutValidation("Content-Type", "a/ü").ShouldBeTrue();
        using var http = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 }) { BaseAddress = host.Address };
        (await http.PutAsync($"{Path()}/a", content)).StatusCode.ShouldBe(HttpStatusCode.Created);
        using var loaded = await Http.GetAsync($"{Path()}/a");
        loaded.Content.Headers.ContentType!.ToString().ShouldBe("application/octet-stream");
        Header(loaded, "Checkpoint-Content-Type").ShouldBe("a%2F%C3%BC");
    }

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;

    private static ByteArrayContent Body(string text) => new(Encoding.UTF8.GetBytes(text));

    private static async Task<JsonElement> JsonAsync(HttpResponseMessage response) =>
        JsonElement.Parse(await response.Content.ReadAsByteArrayAsync());

    private static async Task<JsonElement> ProblemAsync(HttpResponseMessage response, HttpStatusCode status, string type)
    {
        response.StatusCode.ShouldBe(status);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        var problem = await JsonAsync(response);
        problem.GetProperty("status").GetInt32().ShouldBe((int)status);
        problem.GetProperty("type").GetString().ShouldBe($"urn:asynccheckpoints:{type}");
        return problem;
    }

    private string Path(string? execution = null) => $"/executions/{PercentText.EncodeSegment(execution ?? _execution)}/checkpoints";

    private async Task<HttpResponseMessage> SaveAsync(string query, byte[] state, string contentType, string metadata)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Path() + query) { Content = new ByteArrayContent(state) };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        request.Headers.Add("Checkpoint-Metadata", JsonSerializer.Serialize(JsonElement.Parse(metadata)));
        return await Http.SendAsync(request);
    }
}
