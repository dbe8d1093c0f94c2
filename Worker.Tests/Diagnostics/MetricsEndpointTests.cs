using System.Net.Http.Headers;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Diagnostics;

public sealed class MetricsEndpointTests
{
    private const string Text = "text/plain; version=0.0.4; charset=utf-8";
    private const string OpenMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    [Fact]
    public async Task Get_WorkerOnServers_IsWhatPromtoolReadsInBothForms()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await client.SaveAsync(new Checkpoint { ExecutionId = "run", State = new byte[300] }, new SaveOptions { Durability = Durability.Persisted });
        await worker.Services.GetRequiredService<BacklogSampler>().RunOnceAsync(CancellationToken.None);
        using var http = new HttpClient { BaseAddress = new Uri(((WebApplication)worker).Urls.Single()) };

        var text = await http.GetStringAsync("/metrics");
        var (exitCode, remarks) = await Promtool.RunAsync(text, "check", "metrics");
        exitCode.ShouldBeOneOf([0, 3], remarks);
        remarks.Split('\n').ShouldAllBe(line => !line.StartsWith("asynccheckpoints_", StringComparison.Ordinal), remarks);
        text.ShouldMatch("\nasynccheckpoints_lag_seconds_count [1-9]"); // More where the answer was late and the message was sent again.
        text.ShouldMatch("\nasynccheckpoints_archive_batch_size_bucket{le=\"[12].0\"} [1-9]");
        text.ShouldContain("# TYPE dotnet_gc_heap_total_allocated_bytes_total counter\n");
        text.ShouldContain("\ndb_client_");

        http.DefaultRequestHeaders.Accept.Add(MediaTypeWithQualityHeaderValue.Parse("application/openmetrics-text; version=1.0.0"));
        await ReadOpenMetricsAsync(await http.GetStringAsync("/metrics"));
    }

    /// <summary>A process of its own: MassTransit's meter belongs to the first host of a process.</summary>
    [Fact]
    public async Task Get_WorkerProcess_HasWhatMassTransitMeasures()
    {
        await using var worker = await WorkerProcess.StartAsync();
        const string prefix = "Listening on ";
        var line = await worker.WaitForLineAsync(line => line.StartsWith(prefix, StringComparison.Ordinal), Deployment.Patience);
        using var http = new HttpClient { BaseAddress = new Uri(line[prefix.Length..]) };
        (await http.PostAsync("/executions/run/checkpoints", new StringContent("{}"))).EnsureSuccessStatusCode();
        await Deployment.UntilAsync(
            async () => (await http.GetStringAsync("/metrics")).Contains("\nmessaging_masstransit_consume_", StringComparison.Ordinal), "MassTransit's metrics are there");
        (await http.GetStringAsync("/metrics")).ShouldContain("\nasynccheckpoints_dead_letters_total 0\n");
    }

    [Theory]
    [InlineData(null, Text)]
    [InlineData("*/*", Text)]
    [InlineData("text/plain", Text)]
    [InlineData("application/openmetrics-text", OpenMetrics)]
    [InlineData("application/openmetrics-text; version=2.0.0", Text)]
    [InlineData("application/openmetrics-text;q=0.1, text/plain;q=0.9", Text)]
    [InlineData("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OpenMetrics)]
    public async Task Get_Accept_GivesThatForm(string? accept, string contentType)
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        using var http = new HttpClient { BaseAddress = new Uri(((WebApplication)await deployment.StartWorkerAsync()).Urls.Single()) };
        if (accept is not null)
        {
            http.DefaultRequestHeaders.TryAddWithoutValidation("Accept", accept);
        }

        using var response = await http.GetAsync("/metrics");
        response.EnsureSuccessStatusCode();
        response.Content.Headers.ContentType!.ToString().ShouldBe(contentType);
        (await response.Content.ReadAsStringAsync()).EndsWith("# EOF\n", StringComparison.Ordinal).ShouldBe(contentType == OpenMetrics);
    }

    /// <summary>promtool reads OpenMetrics only with times, to make blocks of it.</summary>
    private static async Task ReadOpenMetricsAsync(string text)
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-metrics-");
        var file = Path.Combine(folder.FullName, "metrics.txt");
        await File.WriteAllLinesAsync(file, text.TrimEnd('\n').Split('\n').Select(line => line.StartsWith('#') ? line : line + " 1700000000"));
        var (exitCode, output) = await Promtool.RunAsync(null, "tsdb", "create-blocks-from", "openmetrics", file, Path.Combine(folder.FullName, "data"));
        exitCode.ShouldBe(0, output);
        folder.Delete(recursive: true);
    }
}
