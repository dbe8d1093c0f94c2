namespace AsyncCheckpoints.Worker.Storage;

/// <summary>
/// The archive's total, for whoever looks: counting takes as long as there are rows, so a count serves all for a while, up
/// to <see cref="KeepAtMost"/>, and they wait for the same one. Thread-safe.
/// </summary>
/// <param name="count">Counts.</param>
/// <param name="time">The clock.</param>
internal sealed class CountedTotal(Func<Task<ArchiveTotal>> count, TimeProvider time)
{
    /// <summary>The oldest that a count becomes.</summary>
    public static readonly TimeSpan KeepAtMost = TimeSpan.FromSeconds(30);

    // What takes a moment may be counted often: at most a hundredth of the time goes into it.
    private const int KeepTimes = 100;

    private readonly Lock _lock = new();
    private Task<ArchiveTotal>? _last;
    private (long At, TimeSpan Keep)? _counted;

    /// <summary>The total.</summary>
    /// <param name="cancellationToken">Stops waiting; the count goes on for the next one.</param>
    public Task<ArchiveTotal> GetAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_last is null or { IsFaulted: true } or { IsCanceled: true } || (_counted is { } counted && time.GetElapsedTime(counted.At) >= counted.Keep))
            {
                _counted = null;
                _last = CountAsync();
            }

            return _last.WaitAsync(cancellationToken);
        }
    }

    private async Task<ArchiveTotal> CountAsync()
    {
        var started = time.GetTimestamp();
        var total = await count();
        var keep = time.GetElapsedTime(started) * KeepTimes;
        lock (_lock)
        {
            _counted = (time.GetTimestamp(), keep < KeepAtMost ? keep : KeepAtMost);
        }

        return total;
    }
}
