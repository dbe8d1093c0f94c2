using System.Globalization;
using AsyncCheckpoints.Tests.Faults.Failpoints;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>SIGKILL of the worker at each step of its cycle, under load, at a seeded occurrence of the step.</summary>
[Collection(FaultTestGroup.Name)]
public sealed class WorkerStepTests(FaultServers servers)
{
    [Fact]
    public Task Kill_AtEachStepWithPostgres_LosesAndDuplicatesNothing() => FaultLab.RunAsync(servers.Set, 3003, lab => RunAsync(lab, async () =>
    {
        for (var round = 0; round < 3; round++)
        {
            foreach (var step in Enum.GetValues<WorkerStep>().Except([WorkerStep.BeforeJobPosition]))
            {
                await (step == WorkerStep.InboxWritten ? KillBeforeCommitAsync(lab, isRolledBack: round % 2 == 0) : KillAtAsync(lab, step));
            }
        }
    }));

    /// <summary>The steps in which the archive takes part.</summary>
    [Fact]
    public Task Kill_AtEachStepWithSqlite_LosesAndDuplicatesNothing() => FaultLab.RunAsync(servers.Set, 3004, async lab =>
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-sqlite-");
        try
        {
            lab.UseSqlite(folder.FullName);
            await RunAsync(lab, async () =>
            {
                for (var round = 0; round < 2; round++)
                {
                    foreach (var step in new[] { WorkerStep.InboxWritten, WorkerStep.Committed, WorkerStep.OutboxClaimed, WorkerStep.BeforeMarked })
                    {
                        await KillAtAsync(lab, step);
                    }
                }
            });
        }
        finally
        {
            await lab.DisposeAsync();
            folder.Delete(recursive: true);
        }
    });

    /// <summary>Not before the lease is over, since the other might live; and not long after.</summary>
    [Fact]
    public Task Kill_WithEventsInHand_AnotherSendsThemOnceTheLeaseIsOver() => FaultLab.RunAsync(servers.Set, 3005, async lab =>
    {
        var lease = TimeSpan.FromSeconds(5);
        lab["Worker__OutboxLease"] = lease.ToString("c", CultureInfo.InvariantCulture);
        var client = await lab.StartClientAsync();
        var worker = await lab.StartWorkerAsync(WorkerStep.OutboxClaimed, 1);
        var saved = await lab.SaveAsync(FaultLab.ClientOf(client), "leased", 1);
        (await worker.WaitForExitAsync(FaultLab.Patience)).ShouldBe(WorkerProcess.Killed);
        var killed = TimeProvider.System.GetTimestamp();
        await lab.StartWorkerAsync();

        await FaultLab.UntilAsync(() => Task.FromResult(lab.Events.Knows(saved.Key, saved.Sequence)), "its event is sent");

        TimeProvider.System.GetElapsedTime(killed).ShouldBeInRange(lease / 2, lease + TimeSpan.FromSeconds(60));
        await lab.AuditAsync(client);
    });

    private static async Task RunAsync(FaultLab lab, Func<Task> kills)
    {
        await lab.Archive.MigrateAsync(CancellationToken.None);
        var client = await lab.StartClientAsync();

        // No rescue yet: it would bring from Redis what a wrong acknowledgement has lost.
        lab["Worker__RescueAfter"] = "1.00:00:00";
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await kills();
            await lab.StartWorkerAsync();
        });
        await lab.AuditRedeliveryAsync(client);
        lab["Worker__RescueAfter"] = "00:00:00.100";
        await lab.StartWorkerAsync();
        await lab.AuditAsync(client);
    }

    private static async Task KillAtAsync(FaultLab lab, WorkerStep step)
    {
        var worker = await lab.StartWorkerAsync(step, lab.Random.Next(1, 10));
        (await worker.WaitForExitAsync(FaultLab.Patience)).ShouldBe(WorkerProcess.Killed);
        worker.Lines.ShouldContain(Failpoint.LineOf(step));
        lab.Timeline.Note($"worker {worker.Id} died at step {step}");
    }

    /// <summary>The transaction is lost, or commits although the worker that sent it is gone.</summary>
    private static async Task KillBeforeCommitAsync(FaultLab lab, bool isRolledBack)
    {
        var worker = await lab.StartWorkerAsync();
        await lab.ProgressAsync(lab.Random.Next(1, 100));
        await using var held = await HeldCommits.StartAsync(lab.Servers.Postgres, lab.Prefix);
        await held.WaitAsync();
        await lab.KillAsync(worker);
        if (isRolledBack)
        {
            await held.RollBackAsync();
        }

        lab.Timeline.Note($"the transaction {(isRolledBack ? "is rolled back" : "commits")}");
    }
}
