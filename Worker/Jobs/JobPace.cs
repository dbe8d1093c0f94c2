namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>Holds a job to its rate, and measures the rate that it has. Not thread-safe.</summary>
internal sealed class JobPace(int? itemsPerSecond, TimeProvider time)
{
    private const double Smoothing = 0.2;
    private readonly long _started = time.GetTimestamp();
    private long _items;
    private long _last = time.GetTimestamp();

    /// <summary>Items per second, of late.</summary>
    public double Rate { get; private set; }

    /// <summary>Counts items that are done.</summary>
    /// <param name="items">How many.</param>
    public void Add(int items)
    {
        var now = time.GetTimestamp();
        var seconds = Math.Max(time.GetElapsedTime(_last, now).TotalSeconds, 1e-6);
        _last = now;
        _items += items;
        Rate = Rate == 0 ? items / seconds : Rate + (Smoothing * ((items / seconds) - Rate));
    }

    /// <summary>Waits until it may go on.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        if (itemsPerSecond is { } limit && TimeSpan.FromSeconds((double)_items / limit) - time.GetElapsedTime(_started) is { Ticks: > 0 } early)
        {
            await Task.Delay(early, time, cancellationToken);
        }
    }
}
