namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>Event ids 2200 to 2299.</summary>
internal static partial class Log
{
    [LoggerMessage(2200, LogLevel.Debug, "{Duty} did {Count} in {ElapsedMs} ms")]
    public static partial void RoundDone(ILogger logger, string duty, int count, double elapsedMs);

    [LoggerMessage(2201, LogLevel.Warning, "{Duty} failed {Failures} times in a row and will be retried")]
    public static partial void RoundFailed(ILogger logger, string duty, int failures, Exception exception);

    [LoggerMessage(2202, LogLevel.Warning, "Listened on {Address} without TLS: keys and states travel in the clear unless a proxy in front encrypts them")]
    public static partial void ListensWithoutTls(ILogger logger, string address);
}
