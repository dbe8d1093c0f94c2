namespace AsyncCheckpoints.Benchmarks.Peers;

/// <summary>One checkpoint as a message: what a user would write first.</summary>
public sealed record PeerSave
{
    public required string ExecutionId { get; init; }

    public required string Id { get; init; }

    public required long Sequence { get; init; }

    public required byte[] State { get; init; }
}

/// <summary>Many of them in one message.</summary>
public sealed record PeerSaves
{
    public required IReadOnlyList<PeerSave> Saves { get; init; }
}
