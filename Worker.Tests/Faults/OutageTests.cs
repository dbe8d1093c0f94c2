using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// Outages under load at their full length; the length is what is tested, not a wait for something. On servers of their own,
/// beside the other fault tests.
/// </summary>
public sealed class OutageTests(FaultServers servers) : IClassFixture<FaultServers>
{
    [Fact]
    public Task Broker_DownForAMinute_WithAndWithoutSpool() => FaultLab.RunAsync(servers.Set, 3901, async lab =>
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-outage-");
        try
        {
            var worker = await lab.StartWorkerAsync();
            var plain = await lab.StartClientAsync();
            var spooling = await lab.StartClientAsync(
                addServices: services => services.AddCheckpointSpool(options => options.SpoolPath = Path.Combine(folder.FullName, "spool.db")));
            await lab.UnderLoadAsync(FaultLab.ClientOf(plain), () => lab.UnderLoadAsync(FaultLab.ClientOf(spooling), OutageAsync, "spooling"));
            worker.HasExited.ShouldBeFalse();
            var spool = spooling.Services.GetRequiredService<ICommandSpool>();
            await FaultLab.UntilAsync(() => Task.FromResult(spool.IsEmpty), "the spool is drained");
            await lab.AuditAsync(plain);
            await FaultLab.StopClientAsync(spooling);

            async Task OutageAsync()
            {
                await lab.ProgressAsync();
                await servers.Set.KillAsync(ServerKind.RabbitMq);
                lab.Timeline.Note("broker killed");
                await Task.Delay(TimeSpan.FromMinutes(1));
                await lab.ProgressAsync();
                spooling.Services.GetRequiredService<ICommandSpool>().IsEmpty.ShouldBeFalse();
                await servers.Set.StartAsync(ServerKind.RabbitMq);
                lab.Timeline.Note("broker back");
                await lab.ProgressAsync();
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    });

    /// <summary>Connections stay open, new ones are taken, and nothing answers (SIGSTOP).</summary>
    [Fact]
    public Task Broker_SilentForTenSeconds_SavesEndInTimeAndItHeals() => SilentAsync(
        3903, "the broker", _ => servers.Set.PauseAsync(ServerKind.RabbitMq), _ => servers.Set.ResumeAsync(ServerKind.RabbitMq));

    /// <summary>The same, by the proxy: what was sent before is committed, and the worker does not hear of it.</summary>
    [Fact]
    public Task Postgres_SilentForTenSeconds_SavesEndInTimeAndItHeals() => SilentAsync(
        3904, "PostgreSQL", lab => Task.Run(lab.Postgres.Freeze), lab => Task.Run(lab.Postgres.Thaw));

    /// <summary>No dead letters, which the audit looks for: the messages wait on the queue.</summary>
    [Fact]
    public Task Postgres_DownForTwoMinutes_PausesAndResumes() => FaultLab.RunAsync(servers.Set, 3902, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await lab.ProgressAsync();
            await servers.Set.KillAsync(ServerKind.Postgres);
            lab.Timeline.Note("PostgreSQL killed");
            await Task.Delay(TimeSpan.FromMinutes(2));
            await lab.ProgressAsync(20);
            await servers.Set.StartAsync(ServerKind.Postgres);
            lab.Timeline.Note("PostgreSQL back");
            await lab.ProgressAsync();
        });
        worker.HasExited.ShouldBeFalse();
        worker.Lines.Count(line => line.Contains("Stopped consuming", StringComparison.Ordinal)).ShouldBe(1);
        await lab.AuditAsync(client);
    });

    private Task SilentAsync(int seed, string server, Func<FaultLab, Task> silence, Func<FaultLab, Task> resume) => FaultLab.RunAsync(servers.Set, seed, async lab =>
    {
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        var client = FaultLab.ClientOf(host);
        await lab.UnderLoadAsync(client, async () =>
        {
            await lab.ProgressAsync();
            await silence(lab);
            lab.Timeline.Note($"{server} is silent");
            try
            {
                await Task.WhenAll(Task.Delay(TimeSpan.FromSeconds(10)), PersistedFailsAsync());
            }
            finally
            {
                await resume(lab);
            }

            lab.Timeline.Note($"{server} goes on");
            await lab.ProgressAsync();
        });
        await FaultLab.ReadyAsync(client);
        worker.HasExited.ShouldBeFalse();
        await lab.AuditAsync(host);

        Task PersistedFailsAsync()
        {
            var save = client.SaveAsync(new Checkpoint { ExecutionId = "silent" }, new SaveOptions { Durability = Durability.Persisted });
            return Should.ThrowAsync<CheckpointUnavailableException>(() => save.WaitAsync(FaultLab.SlowestCall));
        }
    });
}
