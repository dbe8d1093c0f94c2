using AsyncCheckpoints.Worker.Jobs.Sources;

namespace AsyncCheckpoints.Worker.Jobs.Verify;

/// <summary>What a verification compares.</summary>
internal sealed record VerifyArguments : ScanArguments
{
    /// <summary>"cache" or a name of <see cref="JobOptions.Sources"/>; null: the archive with its own checksums.</summary>
    public string? Against { get; init; }
}
