using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>
/// The durable history: PostgreSQL or SQLite. Safe for concurrent use. Faults come as the driver throws them;
/// <see cref="TransientErrors"/> says which of them pass.
/// </summary>
internal interface ICheckpointArchive
{
    /// <summary>The archive's kind, for health and logs: "postgres" or "sqlite".</summary>
    string Name { get; }

    /// <summary>How many commits at the same time are of use.</summary>
    int MaxWriters { get; }

    /// <summary>Brings the schema up to date under a lock; safe when many workers start at once.</summary>
    /// <returns>How many migrations this call applied.</returns>
    Task<int> MigrateAsync(CancellationToken cancellationToken);

    /// <summary>Writes down whose archive this is, where nobody has.</summary>
    /// <param name="prefix">The deployment's prefix.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="CheckpointException">It is that of another prefix; a retry does not help.</exception>
    Task ClaimAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Answers when the archive can be read.</summary>
    Task PingAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Commits a write to each table that <see cref="CommitAsync"/> writes to, and leaves nothing: what it adds, which nobody
    /// sees, the same transaction removes.
    /// </summary>
    Task ProbeAsync(CancellationToken cancellationToken);

    /// <summary>
    /// One transaction: inbox rows; tombstones and the deletions that they mean; checkpoints that no tombstone covers,
    /// each only where its sequence is above that of the row that is there; dead letters; one outbox row per kind with
    /// what actually changed. A command whose id is in the inbox already has no effect. Tombstones of the batch apply
    /// before its saves, whatever their order in it.
    /// </summary>
    Task<ArchiveCommit> CommitAsync(ArchiveBatch batch, CancellationToken cancellationToken);

    /// <summary>Checkpoints that match, in the query's order, from behind a position. The query's token is not looked at.</summary>
    /// <param name="query">The query. Without <see cref="CheckpointQuery.IncludeState"/> the states are empty.</param>
    /// <param name="id">Only this id.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="maxBytes">
    /// End the page before the states exceed so many bytes together (it has at least one checkpoint).
    /// </param>
    /// <param name="cancellationToken">Stops the query.</param>
    Task<ArchivePage> FindAsync(CheckpointQuery query, string? id, ListPosition? after, long maxBytes, CancellationToken cancellationToken);

    /// <summary>Executions with at least one checkpoint, by prefix, after one, in UTF-8 byte order.</summary>
    Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken);

    /// <summary>Tombstones of the executions of a prefix, by key, from behind one.</summary>
    Task<IReadOnlyList<Tombstone>> ListTombstonesAsync(string prefix, Tombstone? after, int limit, CancellationToken cancellationToken);

    /// <summary>The archive's clock, by which its rows are dated, and its newest change: the outbox row, 0 when there is none.</summary>
    Task<(DateTimeOffset Now, long NewestChange)> GetClockAsync(CancellationToken cancellationToken);

    /// <summary>Tombstones that were put there since a time, by key, from behind one.</summary>
    Task<IReadOnlyList<Tombstone>> ListTombstonesSinceAsync(DateTimeOffset since, Tombstone? after, int limit, CancellationToken cancellationToken);

    /// <summary>The newest transactions that changed something, delivered or not, from behind an outbox row (descending).</summary>
    Task<IReadOnlyList<PastChanges>> ListChangesAsync(long? beforeId, int limit, CancellationToken cancellationToken);

    /// <summary>Outbox rows of kind cache from before a time that were delivered since, from behind a row (descending).</summary>
    Task<IReadOnlyList<PastChanges>> ListRepairsSinceAsync(DateTimeOffset since, long? beforeId, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Leases the oldest outbox entries of a kind that are due: not delivered, not leased by another, their retry time come.
    /// </summary>
    Task<IReadOnlyList<OutboxEntry>> ClaimOutboxAsync(string owner, OutboxKind kind, TimeSpan lease, int limit, CancellationToken cancellationToken);

    /// <summary>Marks entries as delivered, where the owner still holds their lease.</summary>
    Task<int> MarkDeliveredAsync(string owner, IReadOnlyCollection<long> ids, CancellationToken cancellationToken);

    /// <summary>Gives a lease back after a failure; the entries are due again after the delay.</summary>
    Task ReleaseOutboxAsync(string owner, IReadOnlyCollection<long> ids, TimeSpan delay, string error, CancellationToken cancellationToken);

    /// <summary>When the newest message in the inbox came, by the clock of that time (SQLite: or by its sequences, where they are later); null: there is none.</summary>
    Task<DateTimeOffset?> GetNewestArrivalAsync(CancellationToken cancellationToken);

    /// <summary>How many outbox entries wait, and since when the oldest.</summary>
    Task<OutboxStats> GetOutboxStatsAsync(CancellationToken cancellationToken);

    /// <summary>Whether outbox entries of a kind wait.</summary>
    Task<bool> HasOutboxAsync(OutboxKind kind, CancellationToken cancellationToken);

    /// <summary>The newest dead letters, from behind an id (descending). Without their bodies, these are empty.</summary>
    Task<IReadOnlyList<StoredDeadLetter>> ListDeadLettersAsync(long? beforeId, int limit, bool includeBodies, CancellationToken cancellationToken);

    /// <summary>
    /// Removes what has served: inbox rows, delivered outbox rows and tombstones older than their retention, in small
    /// batches.
    /// </summary>
    Task<PurgeResult> PurgeAsync(PurgeLimits limits, CancellationToken cancellationToken);
}
