namespace AsyncCheckpoints;

/// <summary>
/// Redis, the broker or the worker could not be reached in time. Always transient; never to be read as "there is no
/// checkpoint". A save that failed so may still have reached a part: saving the same id again is safe.
/// </summary>
public sealed class CheckpointUnavailableException : CheckpointException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What could not be reached.</param>
    /// <param name="hint">What to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public CheckpointUnavailableException(string message, string? hint = null, Exception? innerException = null)
        : base(message, isTransient: true, hint, innerException)
    {
    }

    /// <summary>Whether it was reached, and refused.</summary>
    internal bool IsRefusal { get; init; }
}
