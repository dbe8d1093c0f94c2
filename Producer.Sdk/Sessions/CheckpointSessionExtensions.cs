namespace AsyncCheckpoints;

/// <summary>Opens sessions.</summary>
public static class CheckpointSessionExtensions
{
    /// <summary>
    /// Opens a session on an execution, at its beginning: the first step has no parent. Nothing is read or written; call
    /// <see cref="CheckpointSession.ResumeAsync(CancellationToken)"/> to go on where the execution was left.
    /// </summary>
    /// <param name="client">The client.</param>
    /// <param name="executionId">The execution. 1 to 256 characters, no control characters.</param>
    /// <param name="options">How to save; null: the defaults.</param>
    /// <exception cref="ArgumentException">A value is out of bounds; every one is named. A retry fails again.</exception>
    public static CheckpointSession OpenSession(this ICheckpointClient client, string executionId, CheckpointSessionOptions? options = null) =>
        new(client, executionId, (options ?? new CheckpointSessionOptions()).Copy());
}
