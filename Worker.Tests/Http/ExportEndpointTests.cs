using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

/// <summary>A worker with 1,200 checkpoints in 24 executions.</summary>
public sealed class ExportHost : IAsyncLifetime
{
    public const int Count = 1200;

    internal JobWorker Worker { get; } = new();

    public async Task InitializeAsync()
    {
        await using (var archive = Worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, Count);
        }

        await Worker.StartAsync();
    }

    public async Task DisposeAsync() => await Worker.DisposeAsync();
}

public sealed class ExportEndpointTests(ExportHost host) : IClassFixture<ExportHost>
{
    private HttpClient Http => host.Worker.Http;

    [Fact]
    public async Task Export_All_IsWhatTheJobWrites()
    {
        using var response = await Http.GetAsync("/export");
        response.Content.Headers.ContentType!.ToString().ShouldBe("application/x-ndjson");
        var lines = await response.Content.ReadAsStringAsync();
        var id = await host.Worker.PostAsync("export", new { path = "all.jsonl" });
        (await host.Worker.WaitAsync(id)).GetProperty("state").GetString().ShouldBe("completed");
        lines.ShouldBe(await File.ReadAllTextAsync(Path.Combine(host.Worker.JobFolder, "all.jsonl")));
        Read(lines).Count.ShouldBe(ExportHost.Count);
        foreach (var checkpoint in Read(lines))
        {
            JobWorker.ShouldEqual(checkpoint, JobWorker.Make((int)checkpoint.Version));
        }
    }

    [Fact]
    public async Task Export_Gzip_IsTheSameCompressed()
    {
        using var response = await Http.GetAsync("/export?gzip=true&executionPrefix=e-00000");
        response.Content.Headers.ContentType!.ToString().ShouldBe("application/gzip");
        await using var gzip = new GZipStream(await response.Content.ReadAsStreamAsync(), CompressionMode.Decompress);
        using var reader = new StreamReader(gzip);
        (await reader.ReadToEndAsync()).ShouldBe(await Http.GetStringAsync("/export?executionPrefix=e-00000"));
    }

    [Fact]
    public async Task Export_GzipOfNothing_IsAGzipFile() => await GzipTool.ShouldBeEmptyAsync(await Http.GetByteArrayAsync("/export?gzip=true&executionPrefix=nobody"));

    [Theory]
    [InlineData("execution=e-000003", 50)]
    [InlineData("executionPrefix=e-00000", 500)]
    [InlineData("execution=e-000003&namespace=sub", 10)]
    [InlineData("execution=e-000003&namespace=", 40)]
    [InlineData("executionPrefix=e-0000&node=node-1", 400)]
    [InlineData("metadata=%7B%22i%22%3A77%7D", 1)]
    [InlineData("savedFrom=1970-01-01T00:16:40.001000Z", 200)]
    [InlineData("savedFrom=1970-01-01T00:16:40.000100Z&savedBefore=1970-01-01T00:16:40.000150Z", 50)]
    [InlineData("execution=none", 0)]
    public async Task Export_Filtered_HasWhatMeetsAllOfThem(string query, int count) =>
        Read(await Http.GetStringAsync($"/export?{query}")).Count.ShouldBe(count);

    [Theory]
    [InlineData("execution=a&executionPrefix=b")]
    [InlineData("execution=")]
    [InlineData("savedFrom=yesterday")]
    [InlineData("metadata=[]")]
    [InlineData("gzip=1")]
    [InlineData("prefix=a")]
    public async Task Export_NotValid_IsAProblem(string query)
    {
        using var response = await Http.GetAsync($"/export?{query}");
        response.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
    }

    /// <summary>
    /// One place, and more to send than sockets hold: while the place is taken the server waits for the client, and it is
    /// free again once the server has noticed that the client is gone.
    /// </summary>
    [Fact]
    public async Task Export_ClientDoesNotRead_WaitsForItAndEndsWhenItGoes()
    {
        await using var worker = new JobWorker { ["Worker__Http__MaxConcurrentRequests"] = "1" };
        await FillLargeAsync(worker);
        await worker.StartAsync();
        using (var response = await worker.Http.GetAsync("/export", HttpCompletionOption.ResponseHeadersRead))
        {
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            using var busy = await worker.Http.GetAsync("/stats");
            busy.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            busy.Headers.RetryAfter.ShouldNotBeNull();
        }

        await Deployment.UntilAsync(async () => (await worker.Http.GetAsync("/stats")).IsSuccessStatusCode, "the export has ended");
    }

    [Fact]
    public async Task Export_SavedAgainMeanwhile_HasItOnce()
    {
        await using var worker = new JobWorker();
        await FillLargeAsync(worker);
        await worker.StartAsync();
        using var response = await worker.Http.GetAsync("/export", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var first = CheckpointLine.Read((await reader.ReadLineAsync())!, 1024 * 1024);

        using var again = await worker.Http.PutAsync($"/executions/{first.ExecutionId}/checkpoints/{first.Id}?durability=persisted", new StringContent("again"));
        again.EnsureSuccessStatusCode();

        var keys = new List<CheckpointKey> { first.Key };
        while (await reader.ReadLineAsync() is { } line)
        {
            keys.Add(CheckpointLine.Read(line, 1024 * 1024).Key);
        }

        keys.ShouldBeUnique();
        keys.Count.ShouldBe(100);
    }

    [Fact]
    public async Task Export_OneCannotBeRead_IsNotMistakenForTheWhole()
    {
        await using var worker = new JobWorker();
        await using (var archive = worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 60);
        }

        await worker.SpoilMetadataAsync("c-10"); // The second execution has ten.
        await worker.StartAsync();
        using var response = await worker.Http.GetAsync("/export", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var lines = 0;
        await Should.ThrowAsync<HttpIOException>(async () =>
        {
            while (await reader.ReadLineAsync() is not null)
            {
                lines++;
            }
        });
        lines.ShouldBe(59);

        using var alone = await worker.Http.GetAsync("/export?execution=e-000000&node=node-0&gzip=true");
        alone.IsSuccessStatusCode.ShouldBeTrue(await alone.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Export_WorkerStops_IsCutOffAndNotMistakenForTheWhole()
    {
        await using var worker = new JobWorker();
        await FillLargeAsync(worker);
        await worker.StartAsync();
        using var response = await worker.Http.GetAsync("/export", HttpCompletionOption.ResponseHeadersRead);
        worker.Process.Terminate();
        (await worker.Process.WaitForExitAsync(Deployment.Patience)).ShouldBe(0); // Nobody reads: it cannot have sent all of it.
        await Should.ThrowAsync<HttpRequestException>(() => response.Content.CopyToAsync(Stream.Null));
    }

    private static List<Checkpoint> Read(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => CheckpointLine.Read(line, 1024))];

    /// <summary>About 130 MB of JSON.</summary>
    private static async Task FillLargeAsync(JobWorker worker)
    {
        await using var archive = worker.OpenArchive();
        await archive.MigrateAsync(default);
        var state = new byte[1024 * 1024];
        Random.Shared.NextBytes(state);
        var saves = Enumerable.Range(0, 100).Select(i => new ArchiveSave(JobWorker.Make(i) with { State = state }, SHA256.HashData(state), false)).ToList();
        await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, saves, [])], []), default);
    }
}
