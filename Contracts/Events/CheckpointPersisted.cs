namespace AsyncCheckpoints.Contracts;

/// <summary>
/// A checkpoint has been committed to the archive. It travels inside <see cref="CheckpointEvents"/>, which is the message to
/// subscribe to. Delivered at least once; a repeat carries the same <see cref="EventId"/>.
/// </summary>
public sealed record CheckpointPersisted
{
    /// <summary>Derives from key and sequence ("persisted:" and both), so a repeat is recognisable.</summary>
    public required string EventId { get; init; }

    /// <summary>The execution.</summary>
    public required string ExecutionId { get; init; }

    /// <summary>The namespace inside the execution.</summary>
    public required string Namespace { get; init; }

    /// <summary>The checkpoint's id.</summary>
    public required string Id { get; init; }

    /// <summary>The place in the order of saves.</summary>
    public required long Sequence { get; init; }

    /// <summary>The step that made the checkpoint.</summary>
    public string NodeName { get; init; } = "";
}
