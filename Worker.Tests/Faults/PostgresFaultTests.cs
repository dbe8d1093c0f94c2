using AsyncCheckpoints.Tests.Servers;
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

    private static Task UntilLinesAsync(WorkerProcess worker, string text, int count) => FaultLab.UntilAsync(
        () => Task.FromResult(worker.Lines.Count(line => line.Contains(text, StringComparison.Ordinal)) >= count), $"'{text}' {count} times");
}
