namespace AsyncCheckpoints;

/// <summary>What an application's own OpenTelemetry set-up needs to know.</summary>
public static class CheckpointTelemetry
{
    /// <summary>The name of the meter (<c>AddMeter</c>) and of the activity source (<c>AddSource</c>), of clients and workers.</summary>
    public const string Name = "AsyncCheckpoints";
}
