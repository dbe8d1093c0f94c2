using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Messaging;

/// <summary>Event ids 1200 to 1299.</summary>
internal static partial class Log
{
    [LoggerMessage(1200, LogLevel.Warning, "The endpoint {Endpoint} had stopped receiving by itself and is started again")]
    public static partial void EndpointRestarted(ILogger logger, string endpoint);

    [LoggerMessage(1201, LogLevel.Warning, "The endpoint {Endpoint} could not be started again and will be tried later")]
    public static partial void EndpointRestartFailed(ILogger logger, string endpoint, Exception exception);

    [LoggerMessage(1202, LogLevel.Warning, "The endpoint {Endpoint} could not be stopped in time")]
    public static partial void EndpointNotStopped(ILogger logger, string endpoint, Exception exception);
}
