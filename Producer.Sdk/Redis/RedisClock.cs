using System.Diagnostics;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// Redis's time as this process knows it, so that a write can say until when it may take effect. A write that is held up
/// on its way (a stopped server, a cut connection whose data still arrive) and takes effect after its caller has gone on
/// without it would get a place behind what was saved since. Never ahead of Redis by more than its drift since the last
/// reading. Thread-safe.
/// </summary>
internal sealed class RedisClock(Func<CancellationToken, Task<DateTimeOffset>> read, TimeSpan timeout)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(30);
    private Reading? _reading;

    /// <summary>The moment at which a call that is made now has timed out, in the form that the scripts compare.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async ValueTask<byte[]> DeadlineAsync(CancellationToken cancellationToken)
    {
        var reading = Volatile.Read(ref _reading);
        if (reading is null || Stopwatch.GetElapsedTime(reading.Timestamp) > MaxAge)
        {
            // Taken after the answer: Redis is ahead of it.
            var time = await read(cancellationToken);
            reading = new Reading(CheckpointCodec.ToMicroseconds(time), Stopwatch.GetTimestamp());
            Volatile.Write(ref _reading, reading);
        }

        var now = reading.Microseconds + (long)Stopwatch.GetElapsedTime(reading.Timestamp).TotalMicroseconds;
        return RedisFormat.Sequence(now + (long)timeout.TotalMicroseconds);
    }

    /// <summary>Redis's time has jumped: the next call reads it anew.</summary>
    public void Forget() => Volatile.Write(ref _reading, null);

    private sealed record Reading(long Microseconds, long Timestamp);
}
