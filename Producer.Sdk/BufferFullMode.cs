namespace AsyncCheckpoints;

/// <summary>What a save does when the buffer is full.</summary>
public enum BufferFullMode
{
    /// <summary>Wait for room, within the save's timeout.</summary>
    Wait,

    /// <summary>Fail at once with <see cref="CheckpointUnavailableException"/>.</summary>
    Fail,
}
