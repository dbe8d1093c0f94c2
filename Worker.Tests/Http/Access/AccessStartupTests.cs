using System.Net;
using System.Text.Json;
using AsyncCheckpoints.Tests.CommandLine;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http.Access;

/// <summary>Which addresses the worker listens on, with and without keys.</summary>
public sealed class AccessStartupTests
{
    private const string Hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    [Theory]
    [InlineData("ASPNETCORE_URLS", "http://0.0.0.0:0", "Urls is http://0.0.0.0:0")]
    [InlineData("ASPNETCORE_URLS", "http://127.0.0.1:0;http://[::]:0", "Urls is http://[::]:0")]
    [InlineData("ASPNETCORE_URLS", "http://*:0", "Urls is http://*:0")]
    [InlineData("ASPNETCORE_URLS", "http://worker.example:0", "Urls is http://worker.example:0")]
    [InlineData("Kestrel__Endpoints__Public__Url", "http://+:0", "Kestrel:Endpoints:Public:Url is http://+:0")]
    [InlineData("Worker__Http__ApiKeys__ci__Role", "read", "Worker:Http:ApiKeys:ci:Sha256 has 0 characters")]
    [InlineData("Worker__Http__ApiKeys__ci__Sha256", Hash, "Worker:Http:ApiKeys:ci:Role is ''; read, write or operate is required")]
    [InlineData("Worker__Http__ApiKeys__ci__Role", "admin", "Worker:Http:ApiKeys:ci:Role is 'admin'; read, write or operate is required")]
    [InlineData("Worker__Http__ApiKeys__ci", Hash, "Worker:Http:ApiKeys:ci")]
    [InlineData("Worker__Http__ApiKeys__ci__Rol", "read", "Rol")]
    [InlineData("Worker__Http__RequestTimeout", "00:00:00", "Worker:Http:RequestTimeout is 00:00:00")]
    public async Task Start_OpenToOthersOrOutOfBounds_EndsAndNamesIt(string setting, string value, string reason)
    {
        await using var worker = await WorkerProcess.StartAsync(new Dictionary<string, string?> { [setting] = value });
        (await worker.WaitForExitAsync(Deployment.Patience)).ShouldBe(1);
        worker.Lines.ShouldContain(line => line.Contains(reason, StringComparison.Ordinal));
        worker.Lines.ShouldNotContain(line => line.StartsWith("Listening on", StringComparison.Ordinal) || line.StartsWith("Unhandled", StringComparison.Ordinal));
        if (value.StartsWith("http", StringComparison.Ordinal))
        {
            worker.Lines.ShouldContain(line => line.Contains("checkpoints api-key create", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("ASPNETCORE_URLS", "http://0.0.0.0:0")]
    [InlineData("Kestrel__Endpoints__Public__Url", "http://*:0")]
    public async Task Start_OpenToOthersWithTheKeyThatTheVerbMade_ServesThatKey(string setting, string value)
    {
        var made = await CliProcess.RunAsync("api-key", "create", "--name", "ci.1", "--role", "write", "--json");
        made.ExitCode.ShouldBe(0, made.Error);
        var key = JsonElement.Parse(made.Output);
        var path = key.GetProperty("setting").GetString()!.Replace(":", "__", StringComparison.Ordinal);
        await using var worker = await WorkerProcess.StartAsync(new Dictionary<string, string?>
        {
            [setting] = value,
            [$"{path}__Role"] = key.GetProperty("role").GetString(),
            [$"{path}__Sha256"] = key.GetProperty("sha256").GetString(),
        });
        var line = await worker.WaitForLineAsync(line => line.StartsWith("Listening on", StringComparison.Ordinal), Deployment.Patience);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{line[(line.LastIndexOf(':') + 1)..]}") };
        (await http.GetAsync("/stats")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        http.DefaultRequestHeaders.Authorization = new("Bearer", key.GetProperty("key").GetString());
        (await http.PutAsync("/executions/e/checkpoints/a", new StringContent("x"))).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await http.GetAsync("/audit")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        await worker.WaitForLineAsync(text => text.Contains("without TLS", StringComparison.Ordinal), Deployment.Patience);
    }

    [Fact]
    public async Task Request_ByANameThatIsNotOurs_IsMisdirected()
    {
        await using var worker = await WorkerProcess.StartAsync();
        var line = await worker.WaitForLineAsync(line => line.StartsWith("Listening on ", StringComparison.Ordinal), Deployment.Patience);
        using var http = new HttpClient { BaseAddress = new Uri(line["Listening on ".Length..]) };
        foreach (var path in new[] { "/executions", "/metrics", "/health/live", "/" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = "rebound.example" } };
            using var response = await http.SendAsync(request);
            response.StatusCode.ShouldBe(HttpStatusCode.MisdirectedRequest);
            response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        }

        using var save = new HttpRequestMessage(HttpMethod.Post, "/executions/e/checkpoints") { Headers = { { "Origin", "http://evil.example" } } };
        (await http.SendAsync(save)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Theory]
    [InlineData("--name", "a", "--role", "admin")]
    [InlineData("--name", "a:b", "--role", "read")]
    [InlineData("--name", "", "--role", "read")]
    [InlineData("--name", "a")]
    [InlineData("--role", "read")]
    public async Task Create_NotValid_IsAUsageError(params string[] arguments) =>
        (await CliProcess.RunAsync(["api-key", "create", .. arguments])).ExitCode.ShouldBe(2);

    [Fact]
    public async Task Create_Plain_PrintsKeyAndSettings()
    {
        var first = await CliProcess.RunAsync("api-key", "create", "--name", "ci", "--role", "operate");
        first.ExitCode.ShouldBe(0, first.Error);
        var columns = first.Output.TrimEnd('\n').Split('\n').Select(line => line.Split('\t')).ToList();
        columns.Select(column => column[0]).ShouldBe(["key", "Worker:Http:ApiKeys:ci:Role", "Worker:Http:ApiKeys:ci:Sha256"]);
        columns[0][1].Length.ShouldBe(47);
        columns[1][1].ShouldBe("operate");
        columns[2][1].Length.ShouldBe(64);
        (await CliProcess.RunAsync("api-key", "create", "--name", "ci", "--role", "operate")).Output.ShouldNotContain(columns[0][1]);
    }
}
