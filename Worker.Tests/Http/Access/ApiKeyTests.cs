using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AsyncCheckpoints.Tests.CommandLine;
using AsyncCheckpoints.Worker.Http.Access;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http.Access;

public sealed class ApiKeyTests(KeyedHost host) : IClassFixture<KeyedHost>
{
    public static TheoryData<string, string, ApiRole> Endpoints => new()
    {
        { "GET", "/executions", ApiRole.Read },
        { "GET", "/executions/none/latest", ApiRole.Read },
        { "HEAD", "/executions/none/latest", ApiRole.Read },
        { "GET", "/executions/none/checkpoints", ApiRole.Read },
        { "GET", "/executions/none/checkpoints/a", ApiRole.Read },
        { "HEAD", "/executions/none/checkpoints/a", ApiRole.Read },
        { "GET", "/stats", ApiRole.Read },
        { "GET", "/export", ApiRole.Read },
        { "GET", "/jobs", ApiRole.Read },
        { "GET", "/jobs/none", ApiRole.Read },
        { "GET", "/jobs/none/findings", ApiRole.Read },
        { "GET", "/dead-letters", ApiRole.Read },
        { "POST", "/executions/some/checkpoints", ApiRole.Write },
        { "PUT", "/executions/some/checkpoints/a", ApiRole.Write },
        { "DELETE", "/executions/some/checkpoints/a", ApiRole.Write },
        { "DELETE", "/executions/some", ApiRole.Write },
        { "POST", "/executions/some/checkpoints/a/fork", ApiRole.Write },
        { "POST", "/jobs", ApiRole.Operate },
        { "POST", "/jobs/none/cancel", ApiRole.Operate },
        { "GET", "/dead-letters/1", ApiRole.Operate },
        { "POST", "/dead-letters/1/retry", ApiRole.Operate },
        { "DELETE", "/dead-letters/1", ApiRole.Operate },
        { "GET", "/audit", ApiRole.Operate },
    };

    [Theory]
    [MemberData(nameof(Endpoints))]
    public async Task Endpoint_TakesItsRoleAndHigherOnes(string method, string path, ApiRole least)
    {
        using var without = await host.SendAsync(new(method), path, null);
        without.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        without.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
        foreach (var role in Enum.GetValues<ApiRole>())
        {
            using var response = await host.SendAsync(new(method), path, role);
            if (role >= least)
            {
                response.StatusCode.ShouldNotBeOneOf(HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden);
            }
            else
            {
                await ProblemAsync(response, HttpStatusCode.Forbidden, "role-too-low");
                response.Headers.WwwAuthenticate.ToString().ShouldBe($"Bearer error=\"insufficient_scope\", scope=\"{ApiAccess.ToText(least)}\"");
            }
        }
    }

    [Theory]
    [InlineData("Bearer {0}", 200)]
    [InlineData("bearer {0}", 200)]
    [InlineData("Bearer  {0}", 200)]
    [InlineData("Bearer {0}x", 401)]
    [InlineData("Bearer x{0}", 401)]
    [InlineData("Bearer {0},{0}", 401)]
    [InlineData("Bearer", 401)]
    [InlineData("Bearer ", 401)]
    [InlineData("{0}", 401)]
    [InlineData("Basic {0}", 401)]
    [InlineData("Bearer ckp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 401)]
    public async Task Authorization_IsReadStrictly(string header, int status)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/stats");
        request.Headers.TryAddWithoutValidation("Authorization", string.Format(null, header, host[ApiRole.Read])).ShouldBeTrue();
        using var response = await host.Http.SendAsync(request);
        response.StatusCode.ShouldBe((HttpStatusCode)status);
        if (status == 401)
        {
            await ProblemAsync(response, HttpStatusCode.Unauthorized, "unauthorized");
            response.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer error=\"invalid_token\"");
        }
    }

    [Fact]
    public async Task Authorization_OfAnyOtherText_IsRefused()
    {
        var random = new Random(20261121);
        var key = host[ApiRole.Operate];
        for (var i = 0; i < 300; i++)
        {
            // A key with one character changed, or any printable text.
            var at = random.Next(ApiKey.Prefix.Length, key.Length);
            var text = random.Next(2) == 0
                ? $"Bearer {key[..at]}{(key[at] == 'A' ? 'B' : 'A')}{key[(at + 1)..]}"
                : string.Concat(Enumerable.Range(0, random.Next(1, 2000)).Select(_ => (char)random.Next('!', '~' + 1)));
            using var request = new HttpRequestMessage(HttpMethod.Delete, "/executions/some");
            request.Headers.TryAddWithoutValidation("Authorization", text).ShouldBeTrue();
            await ProblemAsync(await host.Http.SendAsync(request), HttpStatusCode.Unauthorized, "unauthorized");
        }
    }

    [Fact]
    public async Task Authorization_Twice_IsRefused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/stats");
        string[] both = [$"Bearer {host[ApiRole.Read]}", $"Bearer {host[ApiRole.Operate]}"];
        request.Headers.TryAddWithoutValidation("Authorization", both).ShouldBeTrue();
        (await host.Http.SendAsync(request)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("/stats?access_token={0}")]
    [InlineData("/stats?api_key={0}")]
    [InlineData("/stats?key={0}")]
    public async Task Key_InTheQuery_IsNoKey(string path) =>
        (await host.Http.GetAsync(string.Format(null, path, host[ApiRole.Operate]))).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);

    [Fact]
    public async Task Key_Hash_IsNoKey()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/stats");
        request.Headers.Authorization = new("Bearer", Convert.ToHexString(ApiKey.Hash(host[ApiRole.Operate])));
        (await host.Http.SendAsync(request)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Open_HealthAndLocalMetrics_NeedNoKey()
    {
        (await host.Http.GetAsync("/health/live")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await host.Http.GetAsync("/health/ready")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await host.Http.GetAsync("/metrics")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await host.Http.GetAsync("/nowhere")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Metrics_ByAnotherName_NeedAKeyThatReads()
    {
        using var without = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { Host = "worker.example" } };
        await ProblemAsync(await host.Http.SendAsync(without), HttpStatusCode.Unauthorized, "unauthorized");
        using var with = new HttpRequestMessage(HttpMethod.Get, "/metrics") { Headers = { Host = "worker.example", Authorization = new("Bearer", host[ApiRole.Read]) } };
        (await host.Http.SendAsync(with)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Request_FromAPageBehindAProxy_IsServedWithAKey()
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, "/executions/proxied/checkpoints/a") { Content = new StringContent("x") };
        (request.Headers.Host, request.Headers.Authorization) = ("worker.example", new("Bearer", host[ApiRole.Write]));
        request.Headers.Add("Origin", "https://worker.example");
        (await host.Http.SendAsync(request)).StatusCode.ShouldBe(HttpStatusCode.Created);
    }

    [Fact]
    public async Task Audit_NamesTheKey()
    {
        using var started = await host.SendAsync(HttpMethod.Post, "/jobs", ApiRole.Operate, JsonContent.Create(new { kind = "verify" }));
        var id = (await started.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString();
        using var audit = await host.SendAsync(HttpMethod.Get, "/audit", ApiRole.Operate);
        var entry = (await audit.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("items").EnumerateArray().Single(item => item.GetProperty("subject").GetString() == id);
        entry.GetProperty("actor").GetString().ShouldBe("Operate");
    }

    [Fact]
    public async Task Cli_TakesTheKeyFromTheEnvironment()
    {
        string[] command = ["list", "--url", host.Http.BaseAddress!.ToString()];
        var with = await CliProcess.RunAsync(command, new Dictionary<string, string?> { ["CHECKPOINTS_API_KEY"] = host[ApiRole.Read] });
        with.ExitCode.ShouldBe(0, with.Error);
        var without = await CliProcess.RunAsync(command, new Dictionary<string, string?> { ["CHECKPOINTS_API_KEY"] = null });
        without.ExitCode.ShouldBe(1);
        without.Error.ShouldContain("CHECKPOINTS_API_KEY");
        var bad = await CliProcess.RunAsync(command, new Dictionary<string, string?> { ["CHECKPOINTS_API_KEY"] = "a\nb" });
        bad.ExitCode.ShouldBe(2, bad.Error);
    }

    [Fact]
    public async Task Watch_InterruptedWithAKeyThatMayOnlyRead_IsCancelledAllTheSame()
    {
        using var started = await host.SendAsync(
            HttpMethod.Post, "/jobs", ApiRole.Operate, JsonContent.Create(new { kind = "verify", scheduledAt = TimeProvider.System.GetUtcNow().AddHours(1) }));
        var id = (await started.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        using var interrupt = new CancellationTokenSource();
        var result = await CliProcess.RunAsync(
            ["jobs", "watch", id, "--url", $"{host.Http.BaseAddress}"],
            new Dictionary<string, string?> { ["CHECKPOINTS_API_KEY"] = host[ApiRole.Read] },
            onError: _ => interrupt.Cancel(),
            interrupt: interrupt.Token);
        result.ExitCode.ShouldBe(130, result.Error);
        result.Error.ShouldContain("operate is required");
    }

    private static async Task ProblemAsync(HttpResponseMessage response, HttpStatusCode status, string type)
    {
        response.StatusCode.ShouldBe(status);
        if (response.RequestMessage!.Method != HttpMethod.Head)
        {
            response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
            (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("type").GetString().ShouldBe($"urn:asynccheckpoints:{type}");
        }
    }
}
