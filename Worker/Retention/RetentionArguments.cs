namespace AsyncCheckpoints.Worker.Retention;

/// <summary>What a retention job applies to what.</summary>
internal sealed record RetentionArguments
{
    /// <summary>The rules; null: those of the configuration.</summary>
    public IReadOnlyList<RetentionRule>? Rules { get; init; }

    /// <summary>Only executions whose id starts with this.</summary>
    public string? ExecutionPrefix { get; init; }

    /// <summary>Only count what would go.</summary>
    public bool DryRun { get; init; }
}
