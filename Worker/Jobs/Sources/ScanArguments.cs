using System.Text.Json;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>Which checkpoints a job is about: all, or those that meet every condition given.</summary>
internal record ScanArguments
{
    /// <summary>One execution.</summary>
    public string? Execution { get; init; }

    /// <summary>Executions whose id starts with this.</summary>
    public string? ExecutionPrefix { get; init; }

    /// <summary>One namespace; null: all.</summary>
    public string? Namespace { get; init; }

    /// <summary>One step.</summary>
    public string? Node { get; init; }

    /// <summary>Metadata to have, member by member.</summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Saved at this moment or later.</summary>
    public DateTimeOffset? SavedFrom { get; init; }

    /// <summary>Saved before this moment.</summary>
    public DateTimeOffset? SavedBefore { get; init; }

    /// <summary>The prefix of all executions that they are about.</summary>
    public string Prefix() => Execution ?? ExecutionPrefix ?? "";

    /// <summary>Whether they select inside of executions.</summary>
    public bool HasInnerFilter() => Namespace is not null || Node is not null || Metadata is not null || SavedFrom is not null || SavedBefore is not null;

    /// <summary>The same, without what was saved from a moment on.</summary>
    /// <param name="moment">The moment.</param>
    public ScanArguments Until(DateTimeOffset moment) => SavedBefore < moment ? this : this with { SavedBefore = moment };

    /// <summary>Checks them.</summary>
    /// <exception cref="ArgumentException">They are not valid.</exception>
    public void Validate()
    {
        if (Execution is not null && ExecutionPrefix is not null)
        {
            throw new ArgumentException("execution and executionPrefix are both given; only one of them is allowed.", nameof(ExecutionPrefix));
        }

        CheckpointLimits.Validate(Query(Execution ?? "-", true, 1));
        if (ExecutionPrefix is not null)
        {
            CheckpointLimits.ValidateText(ExecutionPrefix, nameof(ExecutionPrefix), minimum: 0);
        }
    }

    /// <summary>The query for one execution, oldest first. A sequence is the time of its save in microseconds.</summary>
    /// <param name="execution">The execution.</param>
    /// <param name="includeState">Whether states come along.</param>
    /// <param name="limit">The most on a page.</param>
    public CheckpointQuery Query(string execution, bool includeState, int limit) => new()
    {
        ExecutionId = execution,
        Namespace = Namespace,
        NodeName = Node,
        Metadata = Metadata,
        AfterSequence = SavedFrom is { } from ? CheckpointCodec.ToMicroseconds(from) - 1 : null,
        BeforeSequence = SavedBefore is { } before ? CheckpointCodec.ToMicroseconds(before) : null,
        Limit = limit,
        OldestFirst = true,
        IncludeState = includeState,
    };
}
