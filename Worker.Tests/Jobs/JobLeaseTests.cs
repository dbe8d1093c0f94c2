using System.Globalization;
using AsyncCheckpoints.Tests.Pipeline;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class JobLeaseTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(4);

    /// <summary>Not before the lease is over, which a worker that lives extends; and not long after.</summary>
    [Fact]
    public async Task Kill_WorkerThatRunsAJob_AnotherGoesOnOnceItsLeaseIsOver()
    {
        await using var worker = new JobWorker(batchSize: 5);
        worker["Jobs__Lease"] = Lease.ToString("c", CultureInfo.InvariantCulture);
        await using (var archive = worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 5000);
        }

        await worker.StartAsync();
        var id = await worker.PostAsync("export", new { path = "all.jsonl" }, itemsPerSecond: 50);
        await UntilDoneAsync(10);
        var killed = TimeProvider.System.GetTimestamp();
        await worker.KillAsync();
        await worker.StartAsync();
        var ready = TimeProvider.System.GetTimestamp();
        var done = await DoneAsync();

        await UntilDoneAsync(done + 1);

        TimeProvider.System.GetElapsedTime(killed).ShouldBeGreaterThan(Lease / 2);
        TimeProvider.System.GetElapsedTime(ready).ShouldBeLessThan(Lease + TimeSpan.FromSeconds(30));

        async Task<long> DoneAsync() => (await worker.GetAsync(id)).GetProperty("done").GetInt64();

        Task UntilDoneAsync(long count) => Deployment.UntilAsync(async () => await DoneAsync() >= count, $"{count} are done");
    }
}
