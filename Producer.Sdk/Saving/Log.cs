using AsyncCheckpoints.Caching;
using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Saving;

/// <summary>Event ids 1000 to 1099.</summary>
internal static partial class Log
{
    [LoggerMessage(1000, LogLevel.Warning, "Calls to the {Name} were suspended for {BreakMs} ms: it cannot be reached")]
    public static partial void CircuitOpened(ILogger logger, string name, double breakMs, Exception? exception);

    [LoggerMessage(1001, LogLevel.Information, "The {Name} answers again")]
    public static partial void CircuitClosed(ILogger logger, string name);

    [LoggerMessage(1002, LogLevel.Warning, "A message with {Count} commands was not confirmed by the broker and will be retried, or rescued from Redis")]
    public static partial void SendFailed(ILogger logger, int count, Exception exception);

    [LoggerMessage(1003, LogLevel.Error, "A {Kind} that wanted {Durability} was given up; its caller was told if it waited")]
    public static partial void Lost(ILogger logger, PendingKind kind, Durability durability);

    [LoggerMessage(1004, LogLevel.Error, "A buffered save failed")]
    public static partial void BufferedSaveFailed(ILogger logger, Exception exception);

    [LoggerMessage(1005, LogLevel.Information, "Drained {Count} buffered saves in {ElapsedMs} ms")]
    public static partial void Drained(ILogger logger, long count, double elapsedMs);

    [LoggerMessage(1006, LogLevel.Error, "{Count} saves were still buffered when the time to drain was over")]
    public static partial void DrainTimedOut(ILogger logger, long count);

    [LoggerMessage(1007, LogLevel.Information, "The broker took {Count} messages from the spool")]
    public static partial void SpoolDrained(ILogger logger, int count);

    [LoggerMessage(1008, LogLevel.Information, "Redis could not be reached at the start; sequences followed the time of a worker")]
    public static partial void TimeTakenFromWorker(ILogger logger);

    [LoggerMessage(1009, LogLevel.Warning, "Neither Redis nor a worker told the time at the start; until Redis is back, saves are ordered by this machine's clock")]
    public static partial void TimeUnconfirmed(ILogger logger);

    [LoggerMessage(1010, LogLevel.Warning, "Redis refuses calls; said at most once in {IntervalSeconds} s")]
    public static partial void Refused(ILogger logger, double intervalSeconds, Exception exception);
}
