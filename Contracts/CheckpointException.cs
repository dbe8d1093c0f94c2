namespace AsyncCheckpoints;

/// <summary>An operation on checkpoints failed.</summary>
public class CheckpointException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="isTransient">Whether the same call can succeed later.</param>
    /// <param name="hint">What to do about it.</param>
    /// <param name="innerException">The cause.</param>
    public CheckpointException(string message, bool isTransient, string? hint = null, Exception? innerException = null)
        : base(hint is null ? message : $"{message} {hint}", innerException)
    {
        IsTransient = isTransient;
        Hint = hint;
    }

    /// <summary>Whether the same call can succeed later, with nothing changed.</summary>
    public bool IsTransient { get; }

    /// <summary>What to do about it.</summary>
    public string? Hint { get; }

    /// <summary>The checkpoint that the operation was about, where there is one.</summary>
    public CheckpointKey? Key { get; init; }
}
