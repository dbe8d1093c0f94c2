using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Jobs.Sources;

namespace AsyncCheckpoints.Worker.Jobs.Erase;

/// <summary>What is to be erased: whole executions, or those of their checkpoints whose metadata match.</summary>
internal sealed record EraseArguments
{
    /// <summary>The executions: a pattern with * and ?; null: all, which needs <see cref="Metadata"/>.</summary>
    public string? Executions { get; init; }

    /// <summary>Metadata to have, member by member; null: whatever they have.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Only count what would go.</summary>
    public bool DryRun { get; init; }

    /// <summary>Checks them.</summary>
    /// <exception cref="ArgumentException">They are not valid, or select everything.</exception>
    public void Validate()
    {
        if (Executions is { } pattern)
        {
            CheckpointLimits.ValidateId(pattern, nameof(Executions));
        }

        if (Metadata is { ValueKind: JsonValueKind.Object } filter && !filter.EnumerateObject().MoveNext())
        {
            throw new ArgumentException("metadata is {}, which every checkpoint matches; at least one member is required.", nameof(Metadata));
        }

        CheckpointLimits.Validate(new ScanArguments { Metadata = Metadata }.Query("-", false, 1));
        if (Metadata is null && new ExecutionPattern(Executions ?? "*").SaysNothing)
        {
            throw new ArgumentException(
                "The arguments select everything; executions with more than * and ?, or metadata, is required.", nameof(Executions));
        }
    }
}
