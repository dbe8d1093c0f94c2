using System.Net;
using AsyncCheckpoints.Worker.Http;
using AsyncCheckpoints.Worker.Http.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http.Access;

/// <summary>Who is let in by address and name; the tests' own requests all come from loopback.</summary>
public sealed class ApiAccessTests
{
    [Theory]
    [InlineData("127.0.0.1", "localhost", null)]
    [InlineData("127.0.0.1", "LOCALHOST:8470", null)]
    [InlineData("127.8.9.1", "127.0.0.1:8470", null)]
    [InlineData("::1", "[::1]:8470", null)]
    [InlineData("::ffff:127.0.0.1", "localhost", null)]
    [InlineData("127.0.0.1", "", null)]
    [InlineData(null, "localhost", null)]
    [InlineData("127.0.0.1", "evil.example:8470", 421)]
    [InlineData("127.0.0.1", "localhost.evil.example", 421)]
    [InlineData("127.0.0.1", "127.0.0.1.evil.example", 421)]
    [InlineData("127.0.0.1", "192.0.2.1", 421)]
    [InlineData("127.0.0.1", "[::2]", 421)]
    [InlineData("127.0.0.1", "0.0.0.0", 421)]
    [InlineData("192.0.2.1", "localhost", 403)]
    [InlineData("::ffff:192.0.2.1", "localhost", 403)]
    public void RequireLocalWithoutKeys_LetsOnlyThisMachineIn(string? remote, string host, int? status)
    {
        var context = ContextOf(remote, host);
        Refusal(() => CreateSut([]).RequireLocalWithoutKeys(context)).ShouldBe(status);
        Refusal(() => CreateSut(["a"]).RequireLocalWithoutKeys(context)).ShouldBeNull();
    }

    [Theory]
    [InlineData("Forwarded", "for=192.0.2.1", "/executions", 403)]
    [InlineData("X-Forwarded-For", "192.0.2.1", "/executions", 403)]
    [InlineData("x-real-ip", "192.0.2.1", "/", 403)]
    [InlineData("Via", "1.1 proxy", "/metrics/of/others", 403)]
    [InlineData("Via", "1.1 proxy", "/healthy", 403)]
    [InlineData("X-Forwarded-For", "192.0.2.1", "/metrics", null)]
    [InlineData("X-Forwarded-For", "192.0.2.1", "/health/ready", null)]
    [InlineData("User-Agent", "curl", "/executions", null)]
    public void RequireLocalWithoutKeys_ThroughAProxy_IsForMonitoringOnly(string header, string value, string path, int? status)
    {
        var context = ContextOf("127.0.0.1", "127.0.0.1:8470");
        context.Request.Path = path;
        context.Request.Headers[header] = value;
        Refusal(() => CreateSut([]).RequireLocalWithoutKeys(context)).ShouldBe(status);
        Refusal(() => CreateSut(["a"]).RequireLocalWithoutKeys(context)).ShouldBeNull();
    }

    [Theory]
    [InlineData("127.0.0.1", "localhost", null)]
    [InlineData("127.0.0.1", "evil.example", 401)]
    [InlineData("192.0.2.1", "localhost", 401)]
    public void RequireUnlessLocal_WithKeys_LetsThisMachineInWithoutOne(string remote, string host, int? status)
    {
        var context = ContextOf(remote, host);
        Refusal(() => CreateSut(["a"]).RequireUnlessLocal(context, ApiRole.Read)).ShouldBe(status);
        context.Request.Headers.Authorization = "Bearer a";
        Refusal(() => CreateSut(["a"]).RequireUnlessLocal(context, ApiRole.Read)).ShouldBeNull();
    }

    [Fact]
    public void Require_AnyOfManyKeys_IsFound()
    {
        string[] keys = [.. Enumerable.Range(0, 50).Select(i => $"key-{i}")];
        var sut = CreateSut(keys);
        foreach (var key in keys)
        {
            var context = ContextOf("192.0.2.1", "worker.example");
            context.Request.Headers.Authorization = $"Bearer {key}";
            sut.Require(context, ApiRole.Operate);
            context.User.Identity!.Name.ShouldBe($"name-{key}");
        }
    }

    private static int? Refusal(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (ApiException e)
        {
            return e.Problem.Status;
        }
    }

    private static DefaultHttpContext ContextOf(string? remote, string host) =>
        new() { Connection = { RemoteIpAddress = remote is null ? null : IPAddress.Parse(remote) }, Request = { Host = new HostString(host) } };

    private static ApiAccess CreateSut(string[] keys)
    {
        var options = new ApiOptions();
        foreach (var key in keys)
        {
            options.ApiKeys.Add($"name-{key}", new ApiKeyOptions { Role = "operate", Sha256 = Convert.ToHexString(ApiKey.Hash(key)) });
        }

        new ApiOptionsValidator().Validate(null, options).Failed.ShouldBeFalse();
        return new ApiAccess(Options.Create(options));
    }
}
