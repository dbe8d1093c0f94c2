using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>What one transaction brings.</summary>
/// <param name="Commands">The commands, each with an id for the inbox.</param>
/// <param name="DeadLetters">What could not be archived.</param>
internal sealed record ArchiveBatch(IReadOnlyList<ArchiveCommand> Commands, IReadOnlyList<DeadLetter> DeadLetters);

/// <summary>A command: all its effects happen once, or have happened before.</summary>
/// <param name="CommandId">Its id; null for a rescue, which needs no inbox: the sequences make it harmless.</param>
/// <param name="Saves">Checkpoints with their sequence.</param>
/// <param name="Tombstones">Deletions.</param>
internal sealed record ArchiveCommand(string? CommandId, IReadOnlyList<ArchiveSave> Saves, IReadOnlyList<Tombstone> Tombstones);

/// <summary>A checkpoint to archive.</summary>
/// <param name="Checkpoint">The checkpoint, id and sequence set.</param>
/// <param name="StateSha256">SHA-256 of its state.</param>
/// <param name="Uncached">Redis does not have it: an outbox entry of kind cache brings it there.</param>
/// <param name="Position">Its place in the message that brought it.</param>
internal readonly record struct ArchiveSave(Checkpoint Checkpoint, ReadOnlyMemory<byte> StateSha256, bool Uncached, int Position = 0);

/// <summary>A deletion: what was saved at or below the sequence.</summary>
/// <param name="ExecutionId">The execution.</param>
/// <param name="Namespace">The namespace; null: all.</param>
/// <param name="Id">The checkpoint; null: all of the execution.</param>
/// <param name="Sequence">Up to which sequence it applies.</param>
/// <param name="Uncached">Redis does not have it: an outbox entry of kind cache brings it there.</param>
internal sealed record Tombstone(string ExecutionId, string? Namespace, string? Id, long Sequence, bool Uncached);

/// <summary>A message, or one checkpoint of it, that cannot be archived.</summary>
/// <param name="Id">Stable for the same letter ("command id:index" or the message's id), so a redelivery makes no second one.</param>
/// <param name="Reason">Why.</param>
/// <param name="ContentType">Of the body.</param>
/// <param name="Body">The bytes as they came.</param>
/// <param name="ExecutionId">The execution, where it could be read.</param>
internal sealed record DeadLetter(string Id, string Reason, string ContentType, ReadOnlyMemory<byte> Body, string? ExecutionId);

/// <summary>A dead letter in the archive.</summary>
/// <param name="RowId">Its place in the table.</param>
/// <param name="Letter">The letter.</param>
/// <param name="CreatedAt">When it was put there.</param>
/// <param name="BodyBytes">The size of its body, also where the body was left out.</param>
internal sealed record StoredDeadLetter(long RowId, DeadLetter Letter, DateTimeOffset CreatedAt, int BodyBytes);

/// <summary>What a transaction did.</summary>
/// <param name="Archived">Checkpoints inserted or replaced.</param>
/// <param name="Deleted">Checkpoints deleted.</param>
/// <param name="SeenBefore">Commands that were in the inbox already.</param>
internal readonly record struct ArchiveCommit(int Archived, int Deleted, int SeenBefore);

/// <summary>A page of the archive.</summary>
/// <param name="Items">The checkpoints.</param>
/// <param name="HasMore">Whether more follow.</param>
internal sealed record ArchivePage(IReadOnlyList<Checkpoint> Items, bool HasMore);

/// <summary>Where an outbox entry goes.</summary>
internal enum OutboxKind
{
    /// <summary>To the bus: <see cref="CheckpointEvents"/>.</summary>
    Events = 1,

    /// <summary>To Redis: what was saved or deleted while Redis was away.</summary>
    Cache = 2,
}

/// <summary>A leased outbox entry.</summary>
/// <param name="Id">Its row.</param>
/// <param name="Kind">Where it goes.</param>
/// <param name="Changes">What changed in the archive.</param>
/// <param name="Attempts">How often its delivery was started, this time included.</param>
internal sealed record OutboxEntry(long Id, OutboxKind Kind, IReadOnlyList<OutboxChange> Changes, int Attempts);

/// <summary>What a transaction changed, as its outbox row has it.</summary>
/// <param name="Id">The row.</param>
/// <param name="CreatedAt">When the transaction began, by the archive's clock.</param>
/// <param name="Changes">What changed.</param>
internal sealed record PastChanges(long Id, DateTimeOffset CreatedAt, IReadOnlyList<OutboxChange> Changes);

/// <summary>One change: a checkpoint that was archived, or a deletion.</summary>
/// <param name="IsDeletion">Which.</param>
/// <param name="ExecutionId">The execution.</param>
/// <param name="Namespace">The namespace; null when the execution was cleared.</param>
/// <param name="Id">The id; null when the execution was cleared.</param>
/// <param name="Sequence">The sequence.</param>
/// <param name="NodeName">The step ("" for deletions).</param>
internal sealed record OutboxChange(bool IsDeletion, string ExecutionId, string? Namespace, string? Id, long Sequence, string NodeName);

/// <summary>The outbox at a glance.</summary>
/// <param name="Pending">Entries not delivered.</param>
/// <param name="OldestAge">Age of the oldest; zero when there is none.</param>
internal readonly record struct OutboxStats(long Pending, TimeSpan OldestAge);

/// <summary>What may be removed, by its age on the clock that made it.</summary>
/// <param name="Inbox">Inbox rows older than this.</param>
/// <param name="Outbox">Outbox rows delivered longer ago than this.</param>
/// <param name="Tombstones">Tombstones older than this.</param>
/// <param name="BatchSize">Rows per statement.</param>
internal sealed record PurgeLimits(TimeSpan Inbox, TimeSpan Outbox, TimeSpan Tombstones, int BatchSize);

/// <summary>What was removed.</summary>
/// <param name="Inbox">Inbox rows.</param>
/// <param name="Outbox">Outbox rows.</param>
/// <param name="Tombstones">Tombstones.</param>
internal readonly record struct PurgeResult(int Inbox, int Outbox, int Tombstones);
