using System.Diagnostics;

namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>
/// What the disk of the servers takes by itself, while something else is measured: writes the same file of 8 KB again and
/// again, flushes it, and notes how long that took.
/// </summary>
internal sealed class FlushProbe : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<double> _microseconds = [];
    private readonly Task _loop;

    /// <summary>Begins.</summary>
    /// <param name="folder">Where the servers keep their data.</param>
    public FlushProbe(string folder) => _loop = Task.Factory.StartNew(
        () => Run(Path.Combine(folder, "flush-probe"), _stopping.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Ends.</summary>
    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _loop;
    }

    /// <summary>The tail and the longest, once it has ended.</summary>
    /// <param name="sample">Where they go.</param>
    public void AddTo(Sample sample)
    {
        var latencies = new Latencies(_microseconds.Count);
        for (var i = 0; i < _microseconds.Count; i++)
        {
            latencies.Set(i, _microseconds[i]);
        }

        sample.With(Metric.FlushP99, latencies.Percentiles().P99).With(Metric.FlushLongest, _microseconds.Max());
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stopping.Dispose();
    }

    private void Run(string path, CancellationToken cancellationToken)
    {
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        var block = new byte[8192];
        do
        {
            var started = Stopwatch.GetTimestamp();
            RandomAccess.Write(file, block, 0);
            RandomAccess.FlushToDisk(file);
            _microseconds.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
        }
        while (!cancellationToken.WaitHandle.WaitOne(Interval));
    }
}
