namespace AsyncCheckpoints.Contracts;

/// <summary>
/// What the outbox publishes: the events of one archive transaction, in one message (MassTransit JSON envelope), to the
/// exchange "events" of the installation: its prefix, a dot and that, such as "checkpoints.events".
/// </summary>
public sealed record CheckpointEvents
{
    /// <summary>The version of this message; readers ignore fields that they do not know.</summary>
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Checkpoints that were committed.</summary>
    public IReadOnlyList<CheckpointPersisted> Persisted { get; init; } = [];

    /// <summary>Deletions that were committed.</summary>
    public IReadOnlyList<CheckpointDeleted> Deleted { get; init; } = [];
}
