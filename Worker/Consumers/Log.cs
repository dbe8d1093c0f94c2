namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>Event ids 2100 to 2199.</summary>
internal static partial class Log
{
    [LoggerMessage(2100, LogLevel.Error, "A message was refused and put into the dead letters: {Reason}")]
    public static partial void Refused(ILogger logger, string reason);

    [LoggerMessage(2101, LogLevel.Debug, "The sender of a message could not be answered")]
    public static partial void AnswerFailed(ILogger logger, Exception exception);

    [LoggerMessage(2102, LogLevel.Warning, "A read failed (transient: {IsTransient})")]
    public static partial void ReadFailed(ILogger logger, bool isTransient, Exception exception);

    [LoggerMessage(2103, LogLevel.Warning, "Stopped consuming: the archive has been away for {OutageMs} ms")]
    public static partial void Paused(ILogger logger, double outageMs);

    [LoggerMessage(2104, LogLevel.Information, "Consuming again")]
    public static partial void Resumed(ILogger logger);

    [LoggerMessage(2105, LogLevel.Critical, "{Waiting} messages wait, and none has come here for {IdleMs} ms: this process does not consume and has to be restarted")]
    public static partial void Stalled(ILogger logger, long waiting, double idleMs);
}
