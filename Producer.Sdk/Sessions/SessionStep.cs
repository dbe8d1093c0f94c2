namespace AsyncCheckpoints;

/// <summary>What became of a step.</summary>
/// <param name="Checkpoint">The step's checkpoint; its sequence is 0 while it is not saved.</param>
/// <param name="Save">
/// The result of its save; <see langword="null"/> while it is kept as the not-yet-saved newest step
/// (<see cref="CheckpointSessionOptions.SaveInterval"/>, or <see cref="CheckpointSessionOptions.AutoSave"/> off).
/// </param>
/// <param name="TrimFailure">
/// Why the stream could not be cut to <see cref="CheckpointSessionOptions.MaxCheckpoints"/> after the save, if so. The
/// step itself is saved; the next save cuts again, and <see cref="CheckpointSession.FlushAsync"/> throws it.
/// </param>
public sealed record SessionStep(Checkpoint Checkpoint, SaveResult? Save, Exception? TrimFailure = null)
{
    /// <summary>Whether the step is saved.</summary>
    public bool IsSaved => Save is not null;
}
