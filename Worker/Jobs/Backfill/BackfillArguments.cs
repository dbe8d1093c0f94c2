using AsyncCheckpoints.Worker.Jobs.Sources;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>What a back-fill reads.</summary>
internal sealed record BackfillArguments : ScanArguments
{
    /// <summary>"cache", "file", or a name of <see cref="JobOptions.Sources"/>.</summary>
    public string? Source { get; init; }

    /// <summary>With "file": a file of JSON Lines in the folder of jobs.</summary>
    public string? Path { get; init; }
}
