namespace AsyncCheckpoints.Contracts;

/// <summary>
/// A deletion has been committed to the archive. It travels inside <see cref="CheckpointEvents"/>, which is the message to
/// subscribe to. Delivered at least once; a repeat carries the same <see cref="EventId"/>.
/// </summary>
public sealed record CheckpointDeleted
{
    /// <summary>Derives from key and sequence ("deleted:" and both), so a repeat is recognisable.</summary>
    public required string EventId { get; init; }

    /// <summary>The execution.</summary>
    public required string ExecutionId { get; init; }

    /// <summary>The namespace; <see langword="null"/> when the whole execution was cleared.</summary>
    public string? Namespace { get; init; }

    /// <summary>The checkpoint's id; <see langword="null"/> when the whole execution was cleared.</summary>
    public string? Id { get; init; }

    /// <summary>What was saved at or below this sequence is deleted.</summary>
    public required long Sequence { get; init; }
}
