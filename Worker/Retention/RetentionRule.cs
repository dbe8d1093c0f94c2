namespace AsyncCheckpoints.Worker.Retention;

/// <summary>
/// What goes: checkpoints that are older than <see cref="MaxAge"/>, where that is given, and not among the newest
/// <see cref="KeepLast"/> of their stream, where that is given. The newest of a stream always stays.
/// </summary>
public sealed record RetentionRule
{
    /// <summary>The executions: a pattern in which '*' stands for any text and '?' for one character.</summary>
    /// <value>The default value is "*".</value>
    public string Executions { get; set; } = "*";

    /// <summary>The age from which a checkpoint may go, since it was saved.</summary>
    /// <value>The default value is <see langword="null"/>: any.</value>
    public TimeSpan? MaxAge { get; set; }

    /// <summary>How many of the newest of each stream stay whatever their age.</summary>
    /// <value>The default value is <see langword="null"/>: one.</value>
    public int? KeepLast { get; set; }

    /// <summary>Nothing of these executions goes.</summary>
    public bool KeepForever { get; set; }
}
