using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// A circuit breaker in front of Redis or the broker: after two failures in a row, calls fail at once instead of waiting
/// for a timeout each, and a single call now and then finds out whether it is back. Costs one volatile read while all is
/// well, which is why it is not a library's: it stands on the hot path of every save. Thread-safe.
/// </summary>
internal sealed class Breaker(string name, TimeProvider time, ILogger logger)
{
    private const int Tolerated = 2;
    private static readonly TimeSpan MinBreak = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan MaxBreak = TimeSpan.FromSeconds(5);
    private int _failures;
    private long _openUntil;

    /// <summary>Whether calls fail at once.</summary>
    public bool IsOpen => Volatile.Read(ref _openUntil) is not 0 and var until && time.GetTimestamp() < until;

    /// <summary>Whether to make a call. Its end must be reported.</summary>
    public bool TryEnter()
    {
        var until = Volatile.Read(ref _openUntil);
        if (until == 0)
        {
            return true;
        }

        // The one that moves the end makes the attempt; the others go on failing.
        return time.GetTimestamp() >= until && Interlocked.CompareExchange(ref _openUntil, After(Break()), until) == until;
    }

    /// <summary>A call was answered.</summary>
    public void Succeeded()
    {
        // A failure that was counted before the last success may open it after that.
        if (Volatile.Read(ref _failures) != 0 || Volatile.Read(ref _openUntil) != 0)
        {
            Interlocked.Exchange(ref _failures, 0);
            if (Interlocked.Exchange(ref _openUntil, 0) != 0)
            {
                Log.CircuitClosed(logger, name);
            }
        }
    }

    /// <summary>A call was not answered.</summary>
    /// <param name="exception">Its fault.</param>
    public void Failed(Exception exception)
    {
        if (Interlocked.Increment(ref _failures) < Tolerated)
        {
            return;
        }

        var pause = Break();
        if (Interlocked.Exchange(ref _openUntil, After(pause)) == 0)
        {
            Log.CircuitOpened(logger, name, pause.TotalMilliseconds, exception);
        }
    }

    private TimeSpan Break() => MinBreak + (Random.Shared.NextDouble() * (MaxBreak - MinBreak) * Math.Min(1, Volatile.Read(ref _failures) / 20.0));

    private long After(TimeSpan pause) => time.GetTimestamp() + (long)(pause.TotalSeconds * time.TimestampFrequency);
}
