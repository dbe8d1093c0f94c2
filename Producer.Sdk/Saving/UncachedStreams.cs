using AsyncCheckpoints.Caching;

namespace AsyncCheckpoints.Saving;

/// <summary>A deletion that Redis did not take.</summary>
/// <param name="Kind">Delete or clear.</param>
/// <param name="Key">The checkpoint; for a clear only the execution.</param>
/// <param name="Sequence">Up to where it applies.</param>
internal readonly record struct UncachedDeletion(PendingKind Kind, CheckpointKey Key, long Sequence);

/// <summary>
/// What this process saved and deleted while Redis was away, so that its own reads and saves know that Redis is behind until
/// the worker has repaired it. Bounded: of more than that many streams or deletions the oldest knowledge is forgotten.
/// </summary>
internal sealed class UncachedStreams
{
    private const int Capacity = 10_000;
    private readonly BoundedMemory<(string ExecutionId, string Namespace), long> _streams = new(Capacity, Math.Max);
    private readonly BoundedMemory<CheckpointKey, long> _saves = new(Capacity, Math.Max);
    private readonly BoundedMemory<CheckpointKey, UncachedDeletion> _deletions = new(Capacity, static (_, newer) => newer);

    /// <summary>Remembers a save that Redis did not take.</summary>
    /// <param name="key">The checkpoint.</param>
    /// <param name="sequence">Its sequence.</param>
    public void Add(CheckpointKey key, long sequence)
    {
        _streams.Add((key.ExecutionId, key.Namespace), sequence);
        _saves.Add(key, sequence);
    }

    /// <summary>Remembers a deletion that Redis did not take.</summary>
    /// <param name="deletion">The deletion.</param>
    public void Add(UncachedDeletion deletion) => _deletions.Add(deletion.Key, deletion);

    /// <summary>The newest remembered deletion of a checkpoint, by itself or with its execution.</summary>
    /// <param name="key">The checkpoint.</param>
    public UncachedDeletion? DeletionOf(CheckpointKey key)
    {
        if (_deletions.IsEmpty)
        {
            return null;
        }

        UncachedDeletion? newest = _deletions.TryGetValue(key, out var deletion) ? deletion : null;
        return _deletions.TryGetValue(new CheckpointKey(key.ExecutionId, ""), out var clear) && !(clear.Sequence < newest?.Sequence) ? clear : newest;
    }

    /// <summary>Whether this process has deleted a checkpoint while the cache was away.</summary>
    /// <param name="key">The checkpoint.</param>
    /// <param name="sequence">The sequence of the version that somebody has.</param>
    public bool IsDeleted(CheckpointKey key, long sequence) => DeletionOf(key) is { } deletion && sequence <= deletion.Sequence;

    /// <summary>Whether the cache, which has a stream's latest of this sequence, is behind what this process saved.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="cachedSequence">The sequence of the cache's latest; 0 when it has none.</param>
    public bool IsCacheBehind(string executionId, string ns, long cachedSequence) => IsBehind(_streams, (executionId, ns), cachedSequence);

    /// <summary>Whether the cache, which has a checkpoint of this sequence, is behind what this process saved there.</summary>
    /// <param name="key">The checkpoint.</param>
    /// <param name="cachedSequence">The sequence of the cache's version; 0 when it has none.</param>
    public bool IsCacheBehind(CheckpointKey key, long cachedSequence) => IsBehind(_saves, key, cachedSequence);

    private static bool IsBehind<TKey>(BoundedMemory<TKey, long> memory, TKey key, long cachedSequence)
        where TKey : notnull
    {
        if (memory.IsEmpty || !memory.TryGetValue(key, out var sequence))
        {
            return false;
        }

        if (cachedSequence < sequence)
        {
            return true;
        }

        memory.Remove(key, sequence);
        return false;
    }
}
