namespace AsyncCheckpoints;

/// <summary>One page of a listing.</summary>
/// <param name="Items">The checkpoints, in the order that was asked for.</param>
/// <param name="ContinuationToken">Pass it with the same query to get the next page; <see langword="null"/> on the last.</param>
public sealed record CheckpointPage(IReadOnlyList<Checkpoint> Items, string? ContinuationToken);
