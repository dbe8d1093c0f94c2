using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// The upgrade of <c>make upgrade</c>: workers and application of an older build are replaced by those of this one under
/// load, in the order that docs/OPERATIONS.md gives. Then everything settles, and is compared with the ledger.
/// </summary>
internal static class RollingUpgrade
{
    private const int Operations = 2000;

    /// <summary>Runs it.</summary>
    /// <param name="older">The folder of the older build's tests, with its worker beside them.</param>
    public static async Task<int> RunAsync(string older)
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-upgrade-");
        try
        {
            await using var servers = await ServerSet.StartAsync(ServerKind.All, new ServerSettings { RedisAppendFsync = "always" });
            await using var lab = await FaultLab.StartAsync(servers, seed: 1, Console.WriteLine);
            lab.OfAnotherBuild.Add("older");
            var workers = new[] { await StartOlderAsync(), await StartOlderAsync() };
            await UseAsync("older", Path.Combine(older, Program.FileName), async progress =>
            {
                await progress();
                foreach (var worker in workers)
                {
                    await lab.StartWorkerAsync();
                    await progress();
                    await lab.EndAsync(worker);
                    await progress();
                }
            });
            await UseAsync("newer", Program.FileName, progress => progress());
            var verdict = await lab.InspectAsync(await lab.StartClientAsync());
            Console.WriteLine($"upgrade: {verdict}; {(verdict.IsClean ? "clean" : "NOT clean")}");
            return verdict.IsClean ? 0 : 1;

            Task<WorkerProcess> StartOlderAsync() => lab.StartWorkerAsync(program: Path.Combine(older, WorkerProcess.FileName));

            async Task UseAsync(string name, string program, Func<Func<Task>, Task> happening)
            {
                var ledger = Path.Combine(folder.FullName, name);
                await using var application = await FaultApplication.StartAsync(lab, ledger, seed: 1, name, program: program);
                lab.Timeline.Note($"{name} application starts");
                await happening(() => FaultApplication.ProgressAsync(ledger, Operations));
                await application.EndAsync(FaultLab.Patience);
                lab.Ledger.Add(FaultApplication.ReadLedger(ledger));
                lab.Timeline.Note($"{name} application ended; {lab.Ledger.Acknowledged} operations acknowledged");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
