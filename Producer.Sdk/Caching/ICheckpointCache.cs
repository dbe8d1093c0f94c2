using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Caching;

/// <summary>
/// The store of fast reads: the newest part of every stream, what is still pending, and tombstones. Redis in
/// production, this process in the embedded worker. Every call is one atomic step for its stream. An outage is a
/// <see cref="CheckpointUnavailableException"/>.
/// </summary>
internal interface ICheckpointCache
{
    /// <summary>So many bytes of pending checkpoints are enough at a time, unless the first of them is larger.</summary>
    const int PendingPageBytes = 32 * 1024 * 1024;

    /// <summary>The number of shards; every execution belongs to one.</summary>
    int ShardCount { get; }

    /// <summary>Changes whenever a connection is lost or made, or another server takes over: that one may have lost its last writes.</summary>
    int Interruptions { get; }

    /// <summary>Checks or records the layout (shard count). Called before first use.</summary>
    /// <exception cref="CheckpointException">The store has another layout; not transient.</exception>
    Task InitializeAsync(CancellationToken cancellationToken);

    /// <summary>The store's own clock, so that clients agree on time whatever their wall clocks say.</summary>
    Task<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Saves a checkpoint as the newest of its stream, with its pending mark. The sequence becomes the proposed one or,
    /// where that is not above everything the stream has seen (tombstones included), the next above it. The same id
    /// with the same content changes nothing (<see cref="CacheSave.Unchanged"/>) and keeps its sequence.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="proposedSequence">The least sequence.</param>
    /// <param name="policy">Expiry and size of the stream.</param>
    /// <param name="expectedLatestId">Save only while this is the latest id; "" while the stream is empty; null: no check.</param>
    /// <param name="cancellationToken">Stops waiting; the save may still happen.</param>
    Task<CacheSave> SaveAsync(
        EncodedCheckpoint checkpoint, long proposedSequence, CacheRetention policy, string? expectedLatestId, CancellationToken cancellationToken);

    /// <summary>
    /// Brings in a checkpoint whose sequence is already fixed: discarded when a tombstone covers it, nothing when the
    /// id is there with the same or a higher sequence.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="sequence">Its sequence.</param>
    /// <param name="policy">Expiry and size of the stream.</param>
    /// <param name="pending">
    /// True: a save that is not archived yet; it takes its place in the stream and a pending mark. False: an archived
    /// one (warming); it is only taken when the stream is empty here, or it is newer than the oldest of the stream that
    /// is here, or it replaces its own older version. So the cached part stays the newest part of the stream, and what
    /// is missing from it finds its place.
    /// </param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<CachePut> PutAsync(EncodedCheckpoint checkpoint, long sequence, CacheRetention policy, bool pending, CancellationToken cancellationToken);

    /// <summary>One checkpoint by key. Starts a sliding TTL anew.</summary>
    Task<CacheRead> LoadAsync(CheckpointKey key, CancellationToken cancellationToken);

    /// <summary>The stream's newest checkpoint. Starts a sliding TTL anew. Never <see cref="CacheReadStatus.Deleted"/>.</summary>
    Task<CacheRead> LoadLatestAsync(string executionId, string ns, CancellationToken cancellationToken);

    /// <summary>
    /// What the cache holds that matches the query, in its order, from behind <paramref name="after"/>; up to the
    /// query's limit. A record that cannot be read is among them as it is, and throws where it is decoded.
    /// </summary>
    /// <param name="query">The query.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="maxBytes">End the page before its records exceed so many bytes together (it has at least one).</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task<CachePage> ListAsync(CheckpointQuery query, ListPosition? after, long maxBytes, CancellationToken cancellationToken);

    /// <summary>
    /// For each key: the highest sequence at which the cache knows it, and whether that is a tombstone (its own or the
    /// execution's, when that is at or above the cached one). Null where the cache knows nothing.
    /// </summary>
    Task<IReadOnlyList<CacheMark?>> GetMarksAsync(string executionId, IReadOnlyList<(string Namespace, string Id)> keys, CancellationToken cancellationToken);

    /// <summary>The sequence up to which the cache knows a whole execution to be deleted; null where it knows of no such deletion.</summary>
    Task<long?> GetClearAsync(string executionId, CancellationToken cancellationToken);

    /// <summary>Executions in the cache by prefix, after one, in UTF-8 byte order. Cleared or expired ones are not among them.</summary>
    Task<IReadOnlyList<string>> ListExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Deletes a checkpoint: a tombstone, with a pending mark of its own. The sequence is the proposed one or the next
    /// above all that the stream has seen; with <paramref name="isFixed"/> it is as given (a deletion decided elsewhere),
    /// no pending mark is made, and a newer version of the id stays.
    /// </summary>
    /// <returns>The tombstone's sequence.</returns>
    Task<long> DeleteAsync(CheckpointKey key, long sequence, bool isFixed, TimeSpan tombstoneTtl, CancellationToken cancellationToken);

    /// <summary>Deletes all of an execution's checkpoints, in all namespaces; otherwise as <see cref="DeleteAsync"/>.</summary>
    Task<long> ClearAsync(string executionId, long sequence, bool isFixed, TimeSpan tombstoneTtl, CancellationToken cancellationToken);

    /// <summary>
    /// The shards with a pending mark made before a moment (by the cache's clock). A shard that something else wrote into is
    /// among them: <see cref="ListPendingAsync"/> says what is wrong with it.
    /// </summary>
    Task<IReadOnlyList<int>> ListPendingShardsAsync(DateTimeOffset madeBefore, CancellationToken cancellationToken);

    /// <summary>
    /// The oldest pending marks of a shard, made before a moment (by the cache's clock), with their checkpoints; at most so
    /// many, and fewer when their checkpoints are large.
    /// </summary>
    Task<IReadOnlyList<PendingEntry>> ListPendingAsync(int shard, DateTimeOffset madeBefore, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Removes pending marks whose commands are archived. Streams with a TTL start to expire once nothing of them is
    /// pending; streams over their size are trimmed.
    /// </summary>
    /// <returns>
    /// A superset of the marks that were not there (the cache lost them, or never had them): their checkpoints may be
    /// missing from the cache and should be put there.
    /// </returns>
    Task<IReadOnlyList<PendingMark>> SettleAsync(IReadOnlyCollection<PendingMark> marks, CancellationToken cancellationToken);

    /// <summary>Whether a mark is there. Its policy is not looked at.</summary>
    Task<bool> IsPendingAsync(PendingMark mark, CancellationToken cancellationToken);

    /// <summary>How many marks are pending, and since when the oldest.</summary>
    Task<PendingStats> GetPendingStatsAsync(CancellationToken cancellationToken);

    /// <summary>How full the cache's server is; null where there is no server.</summary>
    Task<CacheServerStats?> GetServerStatsAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Moves a worker's watermark in a shard: a time of the archive up to which all that was archived had reached the cache. It
    /// shares the cache's fate: where it is not what it was, the shard has lost its last writes.
    /// </summary>
    /// <param name="shard">The shard.</param>
    /// <param name="owner">Whose watermark.</param>
    /// <param name="from">Where it was; 0: there was none.</param>
    /// <param name="to">Where to move it (microseconds); null: it stays.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>False: it was somewhere else, and stays there.</returns>
    Task<bool> TryMoveWatermarkAsync(int shard, string owner, long from, long? to, CancellationToken cancellationToken);

    /// <summary>The watermarks of a shard by owner.</summary>
    Task<IReadOnlyDictionary<string, long>> GetWatermarksAsync(int shard, CancellationToken cancellationToken);

    /// <summary>
    /// Takes or extends a lease (rescue of a shard). False while somebody else holds it.
    /// </summary>
    Task<bool> TryLeaseAsync(string name, string owner, TimeSpan duration, CancellationToken cancellationToken);
}
