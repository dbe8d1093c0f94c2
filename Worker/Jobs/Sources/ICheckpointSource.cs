using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>A store of AsyncCheckpoints that a job reads: this archive, another one, or the cache. All agree on order.</summary>
internal interface ICheckpointSource : IAsyncDisposable
{
    /// <summary>Whether it holds only the newest part of each stream.</summary>
    bool IsPartial { get; }

    /// <summary>Executions by prefix, after one, in UTF-8 byte order.</summary>
    Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken);

    /// <summary>Checkpoints that match, from behind a position, up to about so many bytes of state.</summary>
    Task<SourcePage> FindAsync(CheckpointQuery query, ListPosition? after, long maxBytes, CancellationToken cancellationToken);

    /// <summary>One checkpoint; null when there is none.</summary>
    Task<Checkpoint?> LoadAsync(CheckpointKey key, CancellationToken cancellationToken);

    /// <summary>Whether it holds a save or a deletion of a checkpoint that is on its way to the archive.</summary>
    Task<bool> IsUnderWayAsync(CheckpointKey key, CancellationToken cancellationToken);

    /// <summary>Tombstones of the executions of a prefix, by key, from behind one; none where the source has no list of them.</summary>
    Task<IReadOnlyList<Tombstone>> FindTombstonesAsync(string prefix, Tombstone? after, int limit, CancellationToken cancellationToken);

    /// <summary>How many there are for a job; null where that is not known, or only a search would tell.</summary>
    Task<long?> CountAsync(ScanArguments arguments, CancellationToken cancellationToken);
}

/// <summary>A page of a source.</summary>
/// <param name="Items">The checkpoints.</param>
/// <param name="Problems">What could not be read.</param>
/// <param name="Last">Where it ends.</param>
/// <param name="HasMore">Whether more follow.</param>
internal sealed record SourcePage(IReadOnlyList<Checkpoint> Items, IReadOnlyList<JobFinding> Problems, ListPosition? Last, bool HasMore);
