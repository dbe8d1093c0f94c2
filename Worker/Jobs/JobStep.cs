using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>A step of a job whose effects have happened.</summary>
/// <param name="Cursor">Where the next one starts.</param>
/// <param name="Done">Items that it passed.</param>
internal sealed record JobStep(string? Cursor, int Done)
{
    /// <summary>How many items there are in all, once that is known.</summary>
    public long? Total { get; init; }

    /// <summary>What came of them.</summary>
    public IReadOnlyList<(string Name, long Count)> Counts { get; init; } = [];

    /// <summary>What a person should see.</summary>
    public IReadOnlyList<JobFinding> Findings { get; init; } = [];
}
