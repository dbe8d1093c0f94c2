using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// A hybrid clock (Kulkarni et al., "Logical Physical Clocks", 2014) in microseconds since the Unix epoch: strictly
/// rising, above every sequence it has seen, and near the time of Redis once that has been asked. Its physical part
/// advances with a monotonic timer, so a wall clock that jumps does not move it. Thread-safe.
/// </summary>
internal sealed class SequenceClock
{
    // No clock is that wrong; a sequence beyond it is damage, and must not spread.
    private const long MaxLead = 24 * 3_600_000_000L;

    private readonly TimeProvider _time;
    private Origin _origin;
    private long _last;

    public SequenceClock(TimeProvider time)
    {
        _time = time;
        _origin = new Origin(CheckpointCodec.ToMicroseconds(time.GetUtcNow()), time.GetTimestamp());
    }

    /// <summary>A sequence above all that were made or seen before.</summary>
    public long Next()
    {
        var now = Now;
        while (true)
        {
            var last = Volatile.Read(ref _last);
            var next = Math.Max(now, last + 1);
            if (Interlocked.CompareExchange(ref _last, next, last) == last)
            {
                return next;
            }
        }
    }

    /// <summary>Learns of a sequence made elsewhere; one that is more than a day ahead is not believed.</summary>
    /// <param name="sequence">The sequence.</param>
    public void Observe(long sequence)
    {
        var last = Volatile.Read(ref _last);
        if (sequence > last && sequence - Now > MaxLead)
        {
            return;
        }

        while (sequence > last)
        {
            var seen = Interlocked.CompareExchange(ref _last, sequence, last);
            if (seen == last)
            {
                return;
            }

            last = seen;
        }
    }

    /// <summary>Goes by another clock from now on.</summary>
    /// <param name="now">Its time.</param>
    public void Synchronize(DateTimeOffset now) =>
        Volatile.Write(ref _origin, new Origin(CheckpointCodec.ToMicroseconds(now), _time.GetTimestamp()));

    private long Now
    {
        get
        {
            var origin = Volatile.Read(ref _origin);
            return origin.Microseconds + (long)_time.GetElapsedTime(origin.Timestamp).TotalMicroseconds;
        }
    }

    private sealed record Origin(long Microseconds, long Timestamp);
}
