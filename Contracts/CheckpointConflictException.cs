namespace AsyncCheckpoints;

/// <summary>
/// The stream's latest checkpoint is not the one that the save expected: another writer was faster. Nothing was saved.
/// A retry with the same expectation fails again; load the latest and decide anew.
/// </summary>
public sealed class CheckpointConflictException : CheckpointException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="key">The checkpoint that was to be saved.</param>
    /// <param name="expectedLatestId">What the save expected.</param>
    /// <param name="actualLatestId">The latest there is; <see langword="null"/> when the stream is empty.</param>
    public CheckpointConflictException(CheckpointKey key, string expectedLatestId, string? actualLatestId)
        : base(
            $"The latest checkpoint of '{key.ExecutionId}'/'{key.Namespace}' is {(actualLatestId is null ? "none" : $"'{actualLatestId}'")}, not '{expectedLatestId}'.",
            isTransient: false,
            "Another writer saved in between: load the latest checkpoint and decide anew.")
    {
        Key = key;
        ExpectedLatestId = expectedLatestId;
        ActualLatestId = actualLatestId;
    }

    /// <summary>What the save expected to be the latest; "" stands for an empty stream.</summary>
    public string ExpectedLatestId { get; }

    /// <summary>The latest checkpoint's id; <see langword="null"/> when the stream is empty.</summary>
    public string? ActualLatestId { get; }
}
