using AsyncCheckpoints.Worker.Jobs.Sources;

namespace AsyncCheckpoints.Worker.Jobs.Replay;

/// <summary>What a replay sends where.</summary>
internal sealed record ReplayArguments : ScanArguments
{
    /// <summary>"cache", "events", "queue:name" or "exchange:name".</summary>
    public string? To { get; init; }
}
