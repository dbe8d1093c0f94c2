using AsyncCheckpoints.Tests.Servers;
using Npgsql;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class PostgresFaultTests(FaultServers servers)
{
    [Fact]
    public Task Kill_PostgresUnderLoad_LosesNothing() => FaultLab.RunAsync(servers.Set, 3401, async lab =>
    {
        await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.KillAsync(ServerKind.Postgres);
            lab.Timeline.Note("PostgreSQL killed");
            await servers.Set.StartAsync(ServerKind.Postgres);
            lab.Timeline.Note("PostgreSQL back");
            await lab.ProgressAsync();
            await servers.Set.StopAsync(ServerKind.Postgres);
            await servers.Set.StartAsync(ServerKind.Postgres);
            lab.Timeline.Note("PostgreSQL restarted");
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    });

    /// <summary>Three times longer than Worker:PauseAfter: messages go back to the queue, and none becomes a dead letter.</summary>
    [Fact]
    public Task Cut_PostgresLongerThanPauseAfter_PausesAndResumes() => FaultLab.RunAsync(servers.Set, 3402, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            for (var outage = 1; outage <= 2; outage++)
            {
                await lab.ProgressAsync();
                await lab.Postgres.CutAsync();
                lab.Timeline.Note("PostgreSQL cut");
                await UntilLinesAsync(worker, "Stopped consuming", outage);
                lab.Timeline.Note("paused");
                await lab.ProgressAsync(20);
                lab.Postgres.Restore();
                lab.Timeline.Note("PostgreSQL can be reached");
                await UntilLinesAsync(worker, "Consuming again", outage);
            }

            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    });

    [Fact]
    public Task Start_PostgresIsDown_TheWorkerWaitsForIt() => FaultLab.RunAsync(servers.Set, 3403, async lab =>
    {
        await lab.Postgres.CutAsync();
        var worker = await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await UntilLinesAsync(worker, "Stopped consuming", 1);
            lab.Postgres.Restore();
            await UntilLinesAsync(worker, "Consuming again", 1);
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    });

    /// <summary>PostgreSQL's own "disk full" (53100), of a table space whose disk has no room; its log has.</summary>
    [SmallDiskFact]
    public Task Fill_DiskOfTheTables_WaitsForRoomAndLosesNothing() => FaultLab.RunAsync(servers.Set, 3404, async lab =>
    {
        var folder = Directory.CreateDirectory(Path.Combine(servers.Set.Folder, lab.Prefix)).FullName;
        await using var disk = await SmallDisk.MountAsync(folder, "4m");
        await using var admin = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(servers.Set.Postgres) { Pooling = false }.ConnectionString);

        // The folder must be the server's own account's.
        await ExecuteAsync(admin, $"COPY (SELECT) TO PROGRAM 'mkdir {folder}/space'");
        await ExecuteAsync(admin, $"CREATE TABLESPACE {lab.Prefix} LOCATION '{folder}/space'");
        try
        {
            lab["ConnectionStrings__Postgres"] = new NpgsqlConnectionStringBuilder(lab.Postgres.ConnectionString)
            {
                MaxPoolSize = 10,
                Timeout = 3,
                Options = $"-c default_tablespace={lab.Prefix}",
            }.ConnectionString;
            var worker = await lab.StartWorkerAsync();
            var client = await lab.StartClientAsync();
            await disk.FillAsync(lab, client, worker, "53100");
        }
        finally
        {
            await lab.DisposeAsync();
            await ExecuteAsync(admin, $"DROP SCHEMA IF EXISTS {lab.Prefix} CASCADE");
            await ExecuteAsync(admin, $"DROP TABLESPACE {lab.Prefix}");
        }
    });

    private static async Task ExecuteAsync(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    private static Task UntilLinesAsync(WorkerProcess worker, string text, int count) => FaultLab.UntilAsync(
        () => Task.FromResult(worker.Lines.Count(line => line.Contains(text, StringComparison.Ordinal)) >= count), $"'{text}' {count} times");
}
