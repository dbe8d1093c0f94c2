using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class ApplicationFaultTests(FaultServers servers)
{
    [Fact]
    public Task Kill_BetweenRedisAndBroker_IsArchivedByTheRescuer() => RunAsync(3101, 2, async (lab, application, ledger) =>
    {
        await FaultApplication.ProgressAsync(ledger, 200);
        await lab.RabbitMq.CutAsync();
        lab.Timeline.Note("broker cut");
        await FaultApplication.ProgressAsync(ledger, 60);
        application.Kill();
        await application.WaitForExitAsync(FaultLab.Patience);
        lab.Timeline.Note("application killed");
        lab.Ledger.Add(FaultApplication.ReadLedger(ledger));
        lab.Ledger.ForgetBuffered("app");
        lab.Ledger.Snapshot().Count(operation => operation.Reached == Durability.Cached).ShouldBeGreaterThan(20);

        // Worker:RescueAfter and RescueInterval, and time for a machine that is busy.
        await FaultLab.UntilRescuedAsync(await lab.StartClientAsync(), TimeSpan.FromSeconds(2 + 1 + 30));
        lab.RabbitMq.Restore();
    });

    [Fact]
    public Task Terminate_UnderFullLoad_DrainsAndEndsInTime() => RunAsync(3102, 0, async (lab, application, ledger) =>
    {
        await FaultApplication.ProgressAsync(ledger, 2000);
        await application.EndAsync(TimeSpan.FromSeconds(30));
        lab.Timeline.Note("application ended");
        lab.Ledger.Add(FaultApplication.ReadLedger(ledger));
    });

    private Task RunAsync(int seed, int pauseMs, Func<FaultLab, WorkerProcess, string, Task> test) => FaultLab.RunAsync(servers.Set, seed, async lab =>
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-ledger-");
        try
        {
            var ledger = Path.Combine(folder.FullName, "ledger");
            await lab.StartWorkerAsync();
            await using var application = await FaultApplication.StartAsync(lab, ledger, seed, "app", pauseMs);
            await test(lab, application, ledger);
            await lab.AuditAsync(await lab.StartClientAsync());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    });
}
