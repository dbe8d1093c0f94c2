namespace AsyncCheckpoints;

/// <summary>A checkpoint that an operation needs does not exist. A retry fails again.</summary>
public sealed class CheckpointNotFoundException : CheckpointException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="key">The checkpoint.</param>
    public CheckpointNotFoundException(CheckpointKey key)
        : base($"There is no checkpoint '{key}'.", isTransient: false) => Key = key;
}
