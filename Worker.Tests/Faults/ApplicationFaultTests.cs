using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class ApplicationFaultTests(FaultServers servers)
{
    [Fact]
    public Task Kill_BetweenRedisAndBroker_IsArchivedByTheRescuer() => RunAsync(3101, 2, async (lab, application, lines) =>
    {
        await ProgressAsync(lines, 200);
        await lab.RabbitMq.CutAsync();
        lab.Timeline.Note("broker cut");
        await ProgressAsync(lines, 60);
        application.Kill();
        await application.WaitForExitAsync(FaultLab.Patience);
        lab.Timeline.Note("application killed");
        lab.Ledger.Add(lines());
        lab.Ledger.ForgetBuffered("app");
        lab.Ledger.Snapshot().Count(operation => operation.Reached == Durability.Cached).ShouldBeGreaterThan(20);
        lab.RabbitMq.Restore();
    });

    [Fact]
    public Task Terminate_UnderFullLoad_DrainsAndEndsInTime() => RunAsync(3102, 0, async (lab, application, lines) =>
    {
        await ProgressAsync(lines, 2000);
        application.Terminate();
        (await application.WaitForExitAsync(TimeSpan.FromSeconds(30))).ShouldBe(0, string.Join('\n', application.Lines));
        lab.Timeline.Note("application ended");
        lab.Ledger.Add(lines());
    });

    private Task RunAsync(int seed, int pauseMs, Func<FaultLab, WorkerProcess, Func<string>, Task> test) => FaultLab.RunAsync(servers.Set, seed, async lab =>
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-ledger-");
        try
        {
            var ledger = Path.Combine(folder.FullName, "ledger");
            await lab.StartWorkerAsync();
            await using var application = await FaultApplication.StartAsync(lab, ledger, seed, "app", pauseMs);
            await test(lab, application, () => Read(ledger));
            await lab.AuditAsync(await lab.StartClientAsync());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    });

    private static Task ProgressAsync(Func<string> lines, int operations)
    {
        var goal = Count() + operations;
        return FaultLab.UntilAsync(() => Task.FromResult(Count() >= goal), $"{operations} more operations are acknowledged");

        int Count() => lines().AsSpan().Count("done\t");
    }

    private static string Read(string ledger)
    {
        if (!File.Exists(ledger))
        {
            return "";
        }

        using var reader = new StreamReader(new FileStream(ledger, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd();
    }
}
