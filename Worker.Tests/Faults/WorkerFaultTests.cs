using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[Collection(FaultTestGroup.Name)]
public sealed class WorkerFaultTests(FaultServers servers)
{
    /// <summary>
    /// SIGKILL at random, seeded moments (not at failpoints): with two workers and one replaced at a time, some die in
    /// every part of their cycle: starting, consuming, committing, acknowledging, settling, delivering, rescuing.
    /// </summary>
    [Fact]
    public Task Kill_WorkerAtRandomDozensOfTimes_LosesAndDuplicatesNothing() => FaultLab.RunAsync(servers.Set, 3001, async lab =>
    {
        var client = await lab.StartClientAsync();
        var workers = new[] { await lab.StartWorkerAsync(), await lab.StartWorkerAsync() };
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            for (var kill = 0; kill < 30; kill++)
            {
                await Task.Delay(lab.Random.Next(10, 900));
                await lab.KillAsync(workers[kill % 2]);
                workers[kill % 2] = await lab.StartWorkerAsync(wait: kill % 3 == 0);
            }
        });
        await lab.AuditAsync(client);
    });

    [Fact]
    public Task Terminate_UnderFullLoad_EndsInTimeAndLosesNothing() => FaultLab.RunAsync(servers.Set, 3002, async lab =>
    {
        var client = await lab.StartClientAsync();
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            for (var round = 0; round < 3; round++)
            {
                var worker = await lab.StartWorkerAsync();
                await lab.ProgressAsync(1000);
                await lab.EndAsync(worker, TimeSpan.FromSeconds(25));
            }

            await lab.StartWorkerAsync();
        });
        await lab.AuditAsync(client);
    });
}
