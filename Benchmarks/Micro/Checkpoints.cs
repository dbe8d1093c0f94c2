namespace AsyncCheckpoints.Benchmarks.Micro;

/// <summary>The checkpoint that the micro-benchmarks work on.</summary>
internal static class Checkpoints
{
    /// <summary>Makes one.</summary>
    /// <param name="stateBytes">The size of its state.</param>
    public static Checkpoint Make(int stateBytes) => new()
    {
        ExecutionId = "execution-1",
        Id = Guid.CreateVersion7().ToString(),
        NodeName = "node",
        State = new byte[stateBytes],
        CreatedAt = DateTimeOffset.UnixEpoch,
    };
}
