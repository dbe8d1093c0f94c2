using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Spool;

/// <summary>Event ids 1100 to 1199.</summary>
internal static partial class Log
{
    [LoggerMessage(1100, LogLevel.Error, "The spool took no message of {Bytes} bytes: it holds {Held} of {Max}")]
    public static partial void Full(ILogger logger, long bytes, long held, long max);

    [LoggerMessage(1101, LogLevel.Error, "The spool could not be written")]
    public static partial void AppendFailed(ILogger logger, Exception exception);

    [LoggerMessage(1102, LogLevel.Error, "Row {Id} of the spool cannot be read and was put aside in the table rejected: {Reason}")]
    public static partial void Rejected(ILogger logger, long id, string reason);

    [LoggerMessage(1103, LogLevel.Information, "{Bytes} bytes of messages wait in the spool")]
    public static partial void Opened(ILogger logger, long bytes);

    [LoggerMessage(1104, LogLevel.Warning, "The spool is empty, but what was in it can still be read from its files until it is empty again")]
    public static partial void ForgetFailed(ILogger logger, Exception exception);

    [LoggerMessage(1105, LogLevel.Error, "The spool {Path} could not be read or emptied; what is in it arrives only once that works, and it is tried again")]
    public static partial void DrainFailed(ILogger logger, string path, Exception exception);

    [LoggerMessage(1106, LogLevel.Information, "The spool {Path} was emptied after all")]
    public static partial void DrainRecovered(ILogger logger, string path);
}
