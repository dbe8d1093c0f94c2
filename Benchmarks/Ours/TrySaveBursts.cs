using System.Diagnostics;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Ours;

/// <summary>TrySave on one thread, in bursts that fit into the default buffer; the buffer is emptied in between.</summary>
/// <param name="name">For the table.</param>
internal sealed class TrySaveBursts(string name) : IContender
{
    private const int Burst = 5000;
    private Installation? _installation;
    private Lab _lab = null!;
    private long _saved;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _installation = await Installation.StartAsync(lab, hasWorker: false);
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var bursts = _lab.Count(40, 6);
        var latencies = new Latencies(bursts * Burst);
        var allocated = 0L;
        var allocatedByAll = GC.GetTotalAllocatedBytes(precise: true);
        for (var burst = 0; burst < bursts; burst++)
        {
            allocated += Save(latencies, burst * Burst);
            await _installation!.Client.FlushAsync();
        }

        allocatedByAll = GC.GetTotalAllocatedBytes(precise: true) - allocatedByAll;
        _saved += bursts * Burst;
        Expect.Equal(_saved, (await _installation!.Cache.GetPendingStatsAsync(CancellationToken.None)).Count, "pending marks in Redis");
        return Sample.Of(latencies).With(Metric.Allocated, (double)allocated / (bursts * Burst))
            .With(Metric.AllocatedByAll, (double)allocatedByAll / (bursts * Burst));
    }

    public async ValueTask DisposeAsync()
    {
        if (_installation is not null)
        {
            await _installation.DisposeAsync();
        }
    }

    private long Save(Latencies latencies, int first)
    {
        var client = _installation!.Client;

        // The caller's own objects are not ours to count.
        var checkpoints = new Checkpoint[Burst];
        for (var i = 0; i < Burst; i++)
        {
            checkpoints[i] = Saves.Make(first + i, _lab.State(1024));
        }

        var refused = 0;
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Burst; i++)
        {
            var started = Stopwatch.GetTimestamp();
            refused += client.TrySave(checkpoints[i]) ? 0 : 1;
            latencies.Record(first + i, started);
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Expect.Equal(0, refused, "saves that the buffer refused");
        return allocated;
    }
}
