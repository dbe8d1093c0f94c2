namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>Event ids 2300 to 2399.</summary>
internal static partial class Log
{
    [LoggerMessage(2300, LogLevel.Warning, "{Count} outbox entries could not be delivered at attempt {Attempt} and will be retried")]
    public static partial void DeliveryFailed(ILogger logger, int count, int attempt, Exception exception);
}
