namespace AsyncCheckpoints;

/// <summary>Copies of checkpoints whose memory belongs to the caller.</summary>
internal static class CheckpointMemory
{
    /// <summary>The checkpoint with its own copy of state and metadata.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static Checkpoint WithOwnMemory(this Checkpoint checkpoint) =>
        checkpoint with { State = checkpoint.State.ToArray(), Metadata = checkpoint.Metadata?.Clone() };
}
