using System.Diagnostics;

namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>Closed-loop load: so many operations, so many of them at the same time.</summary>
internal static class Load
{
    /// <summary>Runs the operations.</summary>
    /// <param name="count">How many.</param>
    /// <param name="inFlight">How many at the same time.</param>
    /// <param name="operation">One of them, by its number.</param>
    public static async Task<TimeSpan> RunAsync(int count, int inFlight, Func<int, Task> operation)
    {
        var next = -1;
        var started = Stopwatch.GetTimestamp();
        var loops = new Task[Math.Min(inFlight, count)];
        for (var i = 0; i < loops.Length; i++)
        {
            loops[i] = LoopAsync();
        }

        await Task.WhenAll(loops);
        return Stopwatch.GetElapsedTime(started);

        async Task LoopAsync()
        {
            for (int i; (i = Interlocked.Increment(ref next)) < count;)
            {
                await operation(i);
            }
        }
    }

    /// <summary>Runs the operations and takes rate, latencies and what the whole process allocated.</summary>
    /// <param name="count">How many.</param>
    /// <param name="inFlight">How many at the same time.</param>
    /// <param name="operation">One of them, by its number.</param>
    public static async Task<Sample> MeasureAsync(int count, int inFlight, Func<int, Task> operation)
    {
        var latencies = new Latencies(count);
        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        var elapsed = await RunAsync(count, inFlight, async i =>
        {
            var started = Stopwatch.GetTimestamp();
            await operation(i);
            latencies.Record(i, started);
        });
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        return Sample.OfRate(count, elapsed).With(latencies).With(Metric.Allocated, (double)allocated / count);
    }

    /// <summary>Waits for what no signal tells.</summary>
    /// <param name="condition">The condition.</param>
    /// <param name="what">Names it.</param>
    /// <param name="pause">Between two looks.</param>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, TimeSpan? pause = null)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > TimeSpan.FromMinutes(15))
            {
                throw new TimeoutException($"Not within 15 minutes: {what}.");
            }

            await Task.Delay(pause ?? TimeSpan.FromMilliseconds(50));
        }
    }
}
