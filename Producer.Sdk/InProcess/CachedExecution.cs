namespace AsyncCheckpoints.InProcess;

/// <summary>What is cached of one execution. Its owner's lock protects it.</summary>
internal sealed class CachedExecution(string id, int shard)
{
    /// <summary>Stands for all checkpoints among the keys of <see cref="Tombstones"/>: no id is "".</summary>
    public static readonly (string Namespace, string Id) All = ("", "");

    public string Id => id;

    public int Shard => shard;

    public Dictionary<string, CachedStream> Streams { get; } = new(StringComparer.Ordinal);

    /// <summary>How many saves are pending, by namespace; none with 0. They outlive a stream that was emptied.</summary>
    public Dictionary<string, int> Pending { get; } = new(StringComparer.Ordinal);

    /// <summary>Deletions by key.</summary>
    public Dictionary<(string Namespace, string Id), CachedTombstone> Tombstones { get; } = [];

    /// <summary>The highest deletion of each stream.</summary>
    public Dictionary<string, long> HighestDeletions { get; } = new(StringComparer.Ordinal);

    /// <summary>The highest of all deletions.</summary>
    public long HighestDeletion { get; set; }

    /// <summary>
    /// The highest sequence that may have left the cache without being deleted since there are tombstones: one below it
    /// does not prove that the archive has nothing newer.
    /// </summary>
    public long Left { get; private set; }

    public bool IsEmpty => Streams.Count == 0 && Pending.Count == 0 && Tombstones.Count == 0;

    /// <summary>The sequence up to which a key is deleted; 0 when it is not.</summary>
    public long DeletedUpTo(string ns, string checkpointId) => Math.Max(SequenceOf(All), SequenceOf((ns, checkpointId)));

    public long SequenceOf((string Namespace, string Id) key) => Tombstones.TryGetValue(key, out var tombstone) ? tombstone.Sequence : 0;

    /// <summary>Something up to a sequence leaves the cache and is not deleted.</summary>
    public void Leave(long sequence)
    {
        if (Tombstones.Count > 0)
        {
            Left = Math.Max(Left, sequence);
            HighestDeletion = Math.Max(HighestDeletion, sequence);
        }
    }

    public void RemoveTombstone((string Namespace, string Id) key)
    {
        Tombstones.Remove(key);
        if (Tombstones.Count == 0)
        {
            ForgetDeletions();
        }
    }

    public void ForgetDeletions()
    {
        Tombstones.Clear();
        HighestDeletions.Clear();
        (HighestDeletion, Left) = (0, 0);
    }
}
