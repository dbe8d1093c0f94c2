using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Caching;

/// <summary>How long and how much the cache keeps of a stream.</summary>
/// <param name="Ttl">Time to live of the whole stream once nothing of it is pending; null: for ever.</param>
/// <param name="Sliding">Reads start the TTL anew.</param>
/// <param name="MaxPerStream">Only the newest so many stay; what is pending stays in any case. 0: all.</param>
internal readonly record struct CacheRetention(TimeSpan? Ttl, bool Sliding, int MaxPerStream)
{
    /// <summary>Nothing leaves the cache by itself.</summary>
    public bool KeepsAll => this is { Ttl: null, MaxPerStream: <= 0 };
}

/// <summary>The outcome of a save.</summary>
/// <param name="Sequence">The sequence that was fixed (of the existing one when unchanged); 0 on a conflict.</param>
/// <param name="Unchanged">The same content was there already.</param>
/// <param name="IsConflict">The expected latest was not the latest; nothing was saved.</param>
/// <param name="ActualLatestId">On a conflict: the latest there is; null for an empty stream.</param>
internal readonly record struct CacheSave(long Sequence, bool Unchanged, bool IsConflict, string? ActualLatestId);

/// <summary>The outcome of a put.</summary>
internal enum CachePut
{
    /// <summary>It is in the cache now.</summary>
    Taken,

    /// <summary>The cache has the same or something newer, or has no use for it.</summary>
    Ignored,

    /// <summary>A tombstone covers it.</summary>
    Discarded,
}

/// <summary>What the cache knows of a key.</summary>
internal enum CacheReadStatus
{
    /// <summary>Nothing: the archive may have it.</summary>
    Unknown,

    /// <summary>It is here.</summary>
    Found,

    /// <summary>It is deleted, whatever the archive still has.</summary>
    Deleted,
}

/// <summary>The outcome of a read.</summary>
/// <param name="Status">What the cache knows.</param>
/// <param name="Checkpoint">When found: sequence and record.</param>
internal readonly record struct CacheRead(CacheReadStatus Status, CachedCheckpoint Checkpoint);

/// <summary>A checkpoint in the cache.</summary>
/// <param name="Sequence">Its sequence.</param>
/// <param name="Record">An encoded <see cref="CheckpointRecord"/>.</param>
internal readonly record struct CachedCheckpoint(long Sequence, ReadOnlyMemory<byte> Record);

/// <summary>A page of a listing.</summary>
/// <param name="Items">The checkpoints.</param>
/// <param name="HasMore">Limit or bytes ended it, so more may follow.</param>
internal readonly record struct CachePage(IReadOnlyList<CachedCheckpoint> Items, bool HasMore);

/// <summary>What the cache knows of a key, without its record.</summary>
/// <param name="Sequence">Of the checkpoint or the tombstone.</param>
/// <param name="IsTombstone">Whether it is deleted.</param>
internal readonly record struct CacheMark(long Sequence, bool IsTombstone);

/// <summary>What a pending mark stands for.</summary>
internal enum PendingKind
{
    /// <summary>A save.</summary>
    Save,

    /// <summary>A deletion of one checkpoint.</summary>
    Delete,

    /// <summary>A deletion of a whole execution (namespace and id are "").</summary>
    Clear,
}

/// <summary>
/// A pending mark: a command that is in the cache and not known to be archived. It names the sequence, so settling an
/// old save never settles a newer one of the same id.
/// </summary>
/// <param name="Kind">What it stands for.</param>
/// <param name="Key">The checkpoint; for <see cref="PendingKind.Clear"/> only the execution.</param>
/// <param name="Sequence">The save's or tombstone's sequence.</param>
/// <param name="Policy">The stream's policy as the command carries it (saves only).</param>
internal readonly record struct PendingMark(PendingKind Kind, CheckpointKey Key, long Sequence, CacheRetention Policy);

/// <summary>A pending mark found in the cache.</summary>
/// <param name="Mark">The mark.</param>
/// <param name="Record">
/// A save's record; empty when the cache no longer has this version (replaced by a newer save that has its own mark, or
/// lost): there is nothing to rescue and the mark can be settled.
/// </param>
/// <param name="Damage">What is wrong with what the cache holds in its place, when that cannot even be read.</param>
internal readonly record struct PendingEntry(PendingMark Mark, ReadOnlyMemory<byte> Record, string? Damage = null);

/// <summary>The pending marks at a glance.</summary>
/// <param name="Count">How many.</param>
/// <param name="OldestAge">Age of the oldest by the cache's clock; zero when there is none.</param>
internal readonly record struct PendingStats(long Count, TimeSpan OldestAge);

/// <summary>How full the cache's server is.</summary>
/// <param name="UsedBytes">Memory in use.</param>
/// <param name="MaxBytes">The bound that it is set to; 0: none.</param>
/// <param name="EvictedKeys">Keys that it dropped for lack of memory since it started. Anything but 0 is lost data.</param>
internal readonly record struct CacheServerStats(long UsedBytes, long MaxBytes, long EvictedKeys);
