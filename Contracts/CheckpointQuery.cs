using System.Text.Json;

namespace AsyncCheckpoints;

/// <summary>What to list of one execution. Every condition that is set must hold.</summary>
public sealed record CheckpointQuery
{
    /// <summary>The largest page.</summary>
    public const int MaxLimit = 1000;

    /// <summary>The execution to list.</summary>
    public required string ExecutionId { get; init; }

    /// <summary>One namespace ("" is the default one), or <see langword="null"/> for all namespaces of the execution.</summary>
    /// <value>The default value is "".</value>
    public string? Namespace { get; init; } = "";

    /// <summary>Only checkpoints that continue from this one.</summary>
    public string? ParentId { get; init; }

    /// <summary>Only checkpoints of this step.</summary>
    public string? NodeName { get; init; }

    /// <summary>
    /// A JSON object. A checkpoint matches when each member is in its metadata with an equal value; a member that is
    /// itself an object matches in the same way, member by member. Numbers are equal by value (1 and 1.0).
    /// </summary>
    public JsonElement? Metadata { get; init; }

    /// <summary>Only checkpoints with a greater sequence.</summary>
    public long? AfterSequence { get; init; }

    /// <summary>Only checkpoints with a smaller sequence.</summary>
    public long? BeforeSequence { get; init; }

    /// <summary>The most checkpoints on one page; 1 to 1,000. A page may hold fewer although more follow.</summary>
    /// <value>The default value is 100.</value>
    public int Limit { get; init; } = 100;

    /// <summary>Oldest first instead of newest first.</summary>
    public bool OldestFirst { get; init; }

    /// <summary>Whether the states come along. Without them a page is small whatever the states' size.</summary>
    /// <value>The default value is <see langword="true"/>.</value>
    public bool IncludeState { get; init; } = true;

    /// <summary>The <see cref="CheckpointPage.ContinuationToken"/> of the page before; <see langword="null"/> for the first.</summary>
    public string? ContinuationToken { get; init; }
}
