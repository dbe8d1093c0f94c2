namespace AsyncCheckpoints.Worker.Rescue;

/// <summary>Event ids 2400 to 2499.</summary>
internal static partial class Log
{
    [LoggerMessage(2400, LogLevel.Information, "Rescued {Count} pending entries whose commands had not come")]
    public static partial void Rescued(ILogger logger, int count);

    [LoggerMessage(2401, LogLevel.Error, "Shard {Shard} holds something in Redis that is not ours; what is pending there may not be rescued")]
    public static partial void ShardFailed(ILogger logger, int shard, Exception exception);

    [LoggerMessage(2402, LogLevel.Warning, "The archive did not take in time what is pending in shard {Shard}; that is tried again, and the other shards go on")]
    public static partial void ShardWaits(ILogger logger, int shard);

    [LoggerMessage(2403, LogLevel.Error, "The archive refused what is pending in shard {Shard}; that is tried again, and the other shards go on")]
    public static partial void ShardRefused(ILogger logger, int shard, Exception exception);
}
