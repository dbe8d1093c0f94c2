namespace AsyncCheckpoints;

/// <summary>How one save is done.</summary>
public sealed record SaveOptions
{
    /// <summary>For <see cref="ExpectedLatestId"/>: the stream must be empty.</summary>
    public const string EmptyStream = "";

    /// <summary>The level to reach before the save returns.</summary>
    /// <value>The default value is <see langword="null"/>: <see cref="CheckpointOptions.DefaultDurability"/>.</value>
    public Durability? Durability { get; init; }

    /// <summary>
    /// Save only while this is the stream's latest checkpoint (<see cref="EmptyStream"/>: while there is none); otherwise
    /// the save fails with <see cref="CheckpointConflictException"/>. Needs Redis: while it is down, the save is refused.
    /// </summary>
    public string? ExpectedLatestId { get; init; }

    /// <summary>
    /// Fail with <see cref="CheckpointUnavailableException"/> when the level is not reached in time, although the save is
    /// safe at a lower one. Without it, a save that asked for <see cref="Durability.Queued"/> while the broker is down
    /// returns what was reached. (<see cref="Durability.Persisted"/> is always strict.)
    /// </summary>
    public bool Strict { get; init; }
}
