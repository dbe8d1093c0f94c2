using AsyncCheckpoints.Worker.Jobs.Sources;

namespace AsyncCheckpoints.Worker.Jobs.Export;

/// <summary>What an export writes.</summary>
internal sealed record ExportArguments : ScanArguments
{
    /// <summary>A file in the folder of jobs.</summary>
    public string? Path { get; init; }

    /// <summary>Whether to compress it; null: when its name ends in ".gz".</summary>
    public bool? Gzip { get; init; }
}
