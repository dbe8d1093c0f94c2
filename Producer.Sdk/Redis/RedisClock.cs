using System.Diagnostics;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// Redis's time as this process knows it, so that a write can say until when it may take effect. A write that is held up
/// on its way (a stopped server, a cut connection whose data still arrive) and takes effect after its caller has gone on
/// without it would get a place behind what was saved since. Never ahead of Redis by more than its drift since the last
/// reading. Once read, it is read anew beside the calls, never before one: waiting would change their order. Thread-safe.
/// </summary>
internal sealed class RedisClock(Func<CancellationToken, Task<DateTimeOffset>> read, TimeSpan timeout)
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(30);
    private Reading? _reading;
    private int _isReading;

    /// <summary>The moment at which a call that is made now has timed out, in the form that the scripts compare; null before the first reading.</summary>
    public byte[]? Deadline()
    {
        if (Volatile.Read(ref _reading) is not { } reading)
        {
            return null;
        }

        var age = Stopwatch.GetElapsedTime(reading.Timestamp);
        if (age > MaxAge && Interlocked.Exchange(ref _isReading, 1) == 0)
        {
            _ = RefreshAsync();
        }

        return RedisFormat.Sequence(reading.Microseconds + (long)(age + timeout).TotalMicroseconds);
    }

    /// <summary>Reads the time.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        // Taken after the answer: Redis is ahead of it.
        var time = await read(cancellationToken);
        Volatile.Write(ref _reading, new Reading(CheckpointCodec.ToMicroseconds(time), Stopwatch.GetTimestamp()));
    }

    private async Task RefreshAsync()
    {
        try
        {
            await ReadAsync(CancellationToken.None);
        }
        catch (CheckpointException)
        {
            // Redis is away; the calls meet the same.
        }
        finally
        {
            Volatile.Write(ref _isReading, 0);
        }
    }

    private sealed record Reading(long Microseconds, long Timestamp);
}
