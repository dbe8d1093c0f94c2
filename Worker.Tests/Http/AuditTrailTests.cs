using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Storage.Postgres;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

public sealed class AuditTrailTests
{
    [Fact]
    public async Task Delete_CallerLeavesWhileTheBrokerHangs_IsAuditedAsNotConfirmed()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var worker = new JobWorker { ["Checkpoints__BrokerTimeout"] = "00:01:00", ["Checkpoints__SaveTimeout"] = "00:01:00" };
        worker.UseServers(rabbitMq: broker.ConnectionString);
        await worker.StartAsync();
        foreach (var id in new[] { "a", "b" })
        {
            using var content = new StringContent("x");
            (await worker.Http.PutAsync($"/executions/doomed/checkpoints/{id}", content)).EnsureSuccessStatusCode();
        }

        broker.Freeze();
        foreach (var (path, gone) in new[] { ("/executions/doomed/checkpoints/a?namespace=", "/executions/doomed/checkpoints/a"), ("/executions/doomed", "/executions/doomed/checkpoints/b") })
        {
            using var leaving = new CancellationTokenSource();
            var deletion = worker.Http.DeleteAsync(path, leaving.Token);
            await Deployment.UntilAsync(async () => (await worker.Http.GetAsync(gone)).StatusCode == HttpStatusCode.NotFound, "Redis has the deletion");
            await leaving.CancelAsync();
            await Should.ThrowAsync<OperationCanceledException>(() => deletion);
        }

        // The broker still hangs.
        await Deployment.UntilAsync(async () => (await EntriesAsync(worker)).Count == 2, "both are in the trail");
        (await EntriesAsync(worker)).ShouldBe(["execution.clear doomed (not confirmed)", "checkpoint.delete doomed a (not confirmed)"], ignoreOrder: true);
        broker.Thaw();
        await Deployment.UntilAsync(
            async () => (await worker.Http.GetAsync("/executions/doomed/latest")).StatusCode == HttpStatusCode.NotFound, "the deletion has gone on");
    }

    [Fact]
    public async Task Delete_ArchiveAway_IsInTheLogInstead()
    {
        await using var archive = TcpProxy.Start(SharedServers.Postgres);
        await using var worker = new JobWorker
        {
            ["ConnectionStrings__Postgres"] = archive.ConnectionString,
            ["Worker__Schema"] = $"t{Guid.NewGuid():N}"[..20],
            ["Checkpoints__SaveTimeout"] = "00:00:05",
        };
        await worker.StartAsync();
        using var content = new StringContent("x");
        (await worker.Http.PutAsync("/executions/doomed/checkpoints/a", content)).EnsureSuccessStatusCode();
        await archive.CutAsync();
        using var refused = await worker.Http.DeleteAsync("/executions/doomed");
        refused.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        await worker.Process.WaitForLineAsync(line => line.Contains("AuditTrail[6003]", StringComparison.Ordinal), Deployment.Patience);
        await worker.Process.WaitForLineAsync(
            line => line.Contains("'api' did execution.clear to 'doomed': (not confirmed)", StringComparison.Ordinal), Deployment.Patience);
    }

    [Fact]
    public async Task StartJob_TrailAway_JobIsThereAndRuns()
    {
        var database = await PostgresDatabase.CreateAsync();
        await using var worker = new JobWorker { ["ConnectionStrings__Postgres"] = database };
        await worker.StartAsync();
        await using (var source = NpgsqlDataSource.Create(database))
        {
            // 57P03: cannot connect now.
            await using var command = source.CreateCommand(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = '57P03'; END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON checkpoints.audit FOR EACH ROW EXECUTE FUNCTION refuse();
                """);
            await command.ExecuteNonQueryAsync();
        }

        await worker.RunAsync("verify", new { });

        await worker.Process.WaitForLineAsync(line => line.Contains("JobStarter[6003]", StringComparison.Ordinal), Deployment.Patience);
    }

    private static async Task<IReadOnlyList<string>> EntriesAsync(JobWorker worker) =>
    [
        .. (await worker.Http.GetFromJsonAsync<JsonElement>("/audit")).GetProperty("items").EnumerateArray()
            .Select(entry => $"{entry.GetProperty("action").GetString()} {entry.GetProperty("subject").GetString()} {entry.GetProperty("detail").GetString()}"),
    ];
}
