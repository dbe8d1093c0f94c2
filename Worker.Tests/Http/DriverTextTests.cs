using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

/// <summary>What a server that cannot be reached is called stays in the log.</summary>
public sealed class DriverTextTests
{
    [Fact]
    public async Task Read_ArchiveBehindAClosedPort_DoesNotNameIt()
    {
        await using var archive = TcpProxy.Start(SharedServers.Postgres);
        await using var worker = new JobWorker
        {
            ["ConnectionStrings__Postgres"] = archive.ConnectionString,
            ["Worker__Schema"] = $"t{Guid.NewGuid():N}"[..20],
        };
        await worker.StartAsync();
        await archive.CutAsync();
        using var response = await worker.Http.GetAsync("/executions/none/latest");
        response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        var problem = await response.Content.ReadAsStringAsync();
        problem.ShouldContain("NpgsqlException");
        problem.ShouldNotContain($"{archive.Port}");
        problem.ShouldNotContain("127.0.0.1");
        using var again = await worker.Http.GetAsync("/executions/none/latest");
        await worker.Process.WaitForLineAsync(line => line.Contains($"127.0.0.1:{archive.Port}", StringComparison.Ordinal), Deployment.Patience);
    }

    [Fact]
    public async Task Save_BrokerAndRedisBehindClosedPorts_DoesNotNameThem()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var redis = TcpProxy.Start(SharedServers.Redis);
        await using var worker = new JobWorker
        {
            ["Checkpoints__SaveTimeout"] = "00:00:02",
            ["Checkpoints__ReadTimeout"] = "00:00:02",
        };
        worker.UseServers(redis: redis.ConnectionString, rabbitMq: broker.ConnectionString);
        await worker.StartAsync();
        await broker.CutAsync();
        await redis.CutAsync();
        using var content = new StringContent("x");
        foreach (var response in new[] { await worker.Http.PutAsync("/executions/e/checkpoints/a", content), await worker.Http.GetAsync("/executions/e/latest") })
        {
            response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
            (await response.Content.ReadAsStringAsync()).ShouldNotContain("127.0.0.1");
        }
    }

    [Fact]
    public async Task Job_SourceBehindAClosedPort_DoesNotNameIt()
    {
        await using var worker = new JobWorker
        {
            ["Jobs__Sources__old__Kind"] = "Postgres",
            ["Jobs__Sources__old__ConnectionString"] = "Host=127.0.0.1;Port=9;Username=x;Password=y",
        };
        await worker.StartAsync();
        var id = await worker.PostAsync("backfill", new { source = "old" });
        await Deployment.UntilAsync(async () => (await worker.GetAsync(id)).GetProperty("error").ValueKind == JsonValueKind.String, "it has failed once");
        var error = (await worker.GetAsync(id)).GetProperty("error").GetString()!;
        error.ShouldContain("connection failed");
        error.ShouldNotContain("127.0.0.1");
        (await worker.Http.PostAsJsonAsync($"/jobs/{id}/cancel", new { })).EnsureSuccessStatusCode();
    }
}
