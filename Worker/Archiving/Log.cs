namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>Event ids 2000 to 2099.</summary>
internal static partial class Log
{
    [LoggerMessage(2000, LogLevel.Debug, "Archived {Count} checkpoints and {Deleted} deletions from {Messages} messages in {ElapsedMs} ms")]
    public static partial void Archived(ILogger logger, int count, int deleted, int messages, double elapsedMs);

    [LoggerMessage(2001, LogLevel.Warning, "The archive ({Archive}) is away; its messages wait and will be retried")]
    public static partial void ArchiveIsAway(ILogger logger, string archive, Exception exception);

    [LoggerMessage(2002, LogLevel.Information, "The archive ({Archive}) is back after {OutageMs} ms")]
    public static partial void ArchiveIsBack(ILogger logger, string archive, double outageMs);

    [LoggerMessage(2003, LogLevel.Information, "The archive ({Archive}) is up to date; {Count} migrations were applied")]
    public static partial void Migrated(ILogger logger, string archive, int count);

    [LoggerMessage(2004, LogLevel.Error, "The archive refused a message that has no checkpoint to take out")]
    public static partial void ArchiveRefused(ILogger logger, Exception exception);

    [LoggerMessage(2005, LogLevel.Warning, "{Count} pending marks could not be removed; that is tried again, and the rescuer meets what is left")]
    public static partial void SettleFailed(ILogger logger, int count, Exception exception);

    [LoggerMessage(2006, LogLevel.Information, "Redis had lost {Count} checkpoints that were just archived; they were put back")]
    public static partial void PutBack(ILogger logger, int count);

    [LoggerMessage(2007, LogLevel.Debug, "The archive ({Archive}) took no write")]
    public static partial void ProbeFailed(ILogger logger, string archive, Exception exception);

    [LoggerMessage(2008, LogLevel.Warning, "This machine's clock is behind the newest that is archived; time goes on from {Time}")]
    public static partial void ClockWasSetBack(ILogger logger, DateTimeOffset time);

    [LoggerMessage(2009, LogLevel.Warning, "Whether this machine's clock was set back is not known: the archive cannot be read")]
    public static partial void ClockNotChecked(ILogger logger, Exception exception);

    [LoggerMessage(2010, LogLevel.Error, "What Redis lacks of {Key} could not be put there; reads of it may be behind until it is saved again")]
    public static partial void NotPutBack(ILogger logger, CheckpointKey key, Exception exception);

    [LoggerMessage(2011, LogLevel.Warning, "Redis has lost its last writes in {Shards} shards; what was archived since {Time} is compared with it and put back")]
    public static partial void RedisIsBehind(ILogger logger, int shards, DateTimeOffset time);

    [LoggerMessage(2012, LogLevel.Error, "Redis is that of {Time}, of which the outbox is no longer kept: what was archived then may be missing in it or old; start it empty")]
    public static partial void RedisIsTooOld(ILogger logger, DateTimeOffset time);

    [LoggerMessage(2013, LogLevel.Error, "Shard {Shard} holds something in Redis that is not ours; whether it loses its last writes is not seen")]
    public static partial void NoWatermark(ILogger logger, int shard, Exception exception);

    [LoggerMessage(2014, LogLevel.Warning, "The archive takes others and not this message; it is tried again by itself, or what is wrong in it is taken out")]
    public static partial void MessageRefused(ILogger logger, Exception exception);
}
