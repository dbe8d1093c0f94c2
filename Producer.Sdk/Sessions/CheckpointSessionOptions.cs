namespace AsyncCheckpoints;

/// <summary>How a <see cref="CheckpointSession"/> saves. Read once, when the session is opened.</summary>
public sealed class CheckpointSessionOptions
{
    /// <summary>The namespace inside the execution. Up to 256 characters, no control characters.</summary>
    /// <value>The default value is "".</value>
    public string Namespace { get; set; } = "";

    /// <summary>
    /// Whether a step is saved by itself. Without it, a step is kept as the newest one until
    /// <see cref="CheckpointSession.SaveAsync"/>, and what was not saved is gone when the session is disposed.
    /// </summary>
    /// <value>The default value is <see langword="true"/>.</value>
    public bool AutoSave { get; set; } = true;

    /// <summary>
    /// The least time between two automatic saves. A step within it is kept, replacing a kept one before it, and saved
    /// when the time has passed, by <see cref="CheckpointSession.FlushAsync"/>, or when the session is disposed. 0 to 1 day.
    /// </summary>
    /// <value>The default value is zero: every step is saved.</value>
    public TimeSpan SaveInterval { get; set; }

    /// <summary>
    /// How many checkpoints the stream may have: after a save, what is beyond the newest so many is deleted, in Redis and
    /// in the archive, whoever saved it. 1 to 1,000,000. Each save then lists the stream (without states).
    /// </summary>
    /// <value>The default value is <see langword="null"/>: all are kept.</value>
    public int? MaxCheckpoints { get; set; }

    /// <summary>The level of the session's saves and deletions.</summary>
    /// <value>The default value is <see langword="null"/>: <see cref="CheckpointOptions.DefaultDurability"/>.</value>
    public Durability? Durability { get; set; }

    /// <summary>
    /// Save only while nobody else has saved to the stream since this session's last save or resume; otherwise the save
    /// fails with <see cref="CheckpointConflictException"/>. A session that was not resumed expects an empty stream.
    /// Needs Redis: while it is down, saves are refused.
    /// </summary>
    /// <value>The default value is <see langword="false"/>.</value>
    public bool FenceWriters { get; set; }

    /// <summary>The clock that <see cref="SaveInterval"/> and the checkpoints' times of creation go by.</summary>
    /// <value>The default value is <see cref="TimeProvider.System"/>.</value>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    internal CheckpointSessionOptions Copy() => (CheckpointSessionOptions)MemberwiseClone();
}
