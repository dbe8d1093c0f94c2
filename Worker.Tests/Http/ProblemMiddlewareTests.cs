using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using AsyncCheckpoints.Worker.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

public sealed class ProblemMiddlewareTests
{
    private static readonly CheckpointKey Key = new("e", "n", "c");

    public static TheoryData<string, int, string> Failures => new()
    {
        { "unavailable", 503, "unavailable" },
        { "transient", 503, "unavailable" },
        { "format", 500, "format" },
        { "missing", 404, "not-found" },
        { "conflict", 409, "conflict" },
        { "argument", 400, "bad-argument" },
        { "request", 408, "bad-request" },
        { "stopped", 503, "unavailable" },
        { "archive-away", 503, "unavailable" },
        { "archive-full", 503, "unavailable" },
        { "archive-refuses", 500, "internal" },
        { "bug", 500, "internal" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task Exception_IsAProblem(string path, int status, string type)
    {
        var builder = WebApplication.CreateBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddCheckpointApi();
        await using var app = builder.Build();
        app.MapGet("/{kind}", (string kind) => Task.FromException<string>(Make(kind)));
        await app.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        using var response = await http.GetAsync(path);
        response.StatusCode.ShouldBe((HttpStatusCode)status);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (response.Headers.RetryAfter is not null).ShouldBe(status == 503);
        var text = await response.Content.ReadAsStringAsync();
        var problem = JsonElement.Parse(text);
        problem.GetProperty("type").GetString().ShouldBe($"urn:asynccheckpoints:{type}");
        text.ShouldNotContain("inside");
        if (path is "format" or "conflict" or "missing")
        {
            problem.GetProperty("executionId").GetString().ShouldBe("e");
            problem.GetProperty("id").GetString().ShouldBe("c");
        }
    }

    private static Exception Make(string kind) => kind switch
    {
        "unavailable" => new CheckpointUnavailableException("Redis did not answer.", "Try again.", new InvalidOperationException("inside")),
        "transient" => new CheckpointException("Busy.", isTransient: true),
        "format" => new CheckpointFormatException("Damaged.") { Key = Key },
        "missing" => new CheckpointNotFoundException(Key),
        "conflict" => new CheckpointConflictException(Key, "a", null),
        "argument" => new ArgumentException("Limit is 0; 1 to 2 are allowed.", "Limit"),
        "request" => new BadHttpRequestException("Too slow.", 408),
        "stopped" => new OperationCanceledException("inside"),
        "archive-away" => new NpgsqlException("inside", new SocketException((int)SocketError.ConnectionRefused)),
        "archive-full" => new SqliteException("inside", 13),
        "archive-refuses" => new SqliteException("inside", 1),
        _ => new InvalidOperationException("inside"),
    };
}
