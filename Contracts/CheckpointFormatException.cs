namespace AsyncCheckpoints;

/// <summary>Stored or received bytes are not a checkpoint: damaged, too large, or of a newer version. A retry cannot help.</summary>
public sealed class CheckpointFormatException : CheckpointException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is wrong.</param>
    /// <param name="innerException">The cause.</param>
    public CheckpointFormatException(string message, Exception? innerException = null)
        : base(message, isTransient: false, innerException: innerException)
    {
    }
}
