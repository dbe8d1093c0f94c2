namespace AsyncCheckpoints;

/// <summary>What names one checkpoint: its execution, the namespace inside it, and its id inside that.</summary>
/// <param name="ExecutionId">The resumable stream that the checkpoint belongs to. 1 to 256 characters.</param>
/// <param name="Namespace">The sub-stream inside the execution; "" by default. Up to 256 characters.</param>
/// <param name="Id">Unique inside (execution, namespace). 1 to 256 characters.</param>
public readonly record struct CheckpointKey(string ExecutionId, string Namespace, string Id)
{
    /// <summary>A key in the default namespace.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="id">The checkpoint's id.</param>
    public CheckpointKey(string executionId, string id)
        : this(executionId, "", id)
    {
    }

    /// <inheritdoc />
    public override string ToString() => Namespace.Length == 0 ? $"{ExecutionId}/{Id}" : $"{ExecutionId}/{Namespace}/{Id}";
}
