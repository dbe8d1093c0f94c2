using System.Text.Json;
using System.Text.Json.Serialization;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>A job as JSON.</summary>
internal sealed record JobItem(
    string Id,
    string Kind,
    string State,
    JsonElement Arguments,
    int Priority,
    int? ItemsPerSecond,
    int Attempts,
    int MaxAttempts,
    long Done,
    long? Total,
    double Rate,
    double? EtaSeconds,
    JsonElement Counts,
    long Findings,
    string? Error,
    bool CancelRequested,
    DateTimeOffset CreatedAt,
    DateTimeOffset ScheduledAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? FinishedAt)
{
    public JobItem(Job j)
        : this(
            j.Id, j.Kind, JobStates.ToText(j.State), JsonElement.Parse(j.Arguments), j.Priority, j.ItemsPerSecond, j.Attempts, j.MaxAttempts, j.Done, j.Total,
            Math.Round(j.Rate, 1), EtaOf(j), JsonElement.Parse(j.Counts), j.Findings, j.Error, j.CancelRequested, j.CreatedAt, j.ScheduledAt, j.StartedAt,
            j.UpdatedAt, j.FinishedAt)
    {
    }

    private static double? EtaOf(Job j) =>
        j is { State: JobState.Running, Total: { } total, Rate: > 0 } ? Math.Round(Math.Max(0, total - j.Done) / j.Rate, 1) : null;
}

/// <summary>One page of jobs.</summary>
internal sealed record JobItems(IReadOnlyList<JobItem> Items, string? ContinuationToken);

/// <summary>What a job found.</summary>
internal sealed record FindingItem(long Position, string Kind, string Subject, string Detail);

/// <summary>One page of findings.</summary>
internal sealed record FindingItems(IReadOnlyList<FindingItem> Items, string? ContinuationToken);

/// <summary>A dead letter as JSON; the body in base64, and only where one is asked for.</summary>
internal sealed record DeadLetterItem(
    long Id,
    string LetterId,
    string Reason,
    string ContentType,
    string? ExecutionId,
    int BodyBytes,
    DateTimeOffset CreatedAt,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ReadOnlyMemory<byte>? Body)
{
    public DeadLetterItem(StoredDeadLetter l, bool includeBody)
        : this(
            l.RowId, l.Letter.Id, l.Letter.Reason, l.Letter.ContentType, l.Letter.ExecutionId, l.BodyBytes, l.CreatedAt, includeBody ? (ReadOnlyMemory<byte>?)l.Letter.Body : null)
    {
    }
}

/// <summary>One page of dead letters.</summary>
internal sealed record DeadLetterItems(IReadOnlyList<DeadLetterItem> Items, string? ContinuationToken);

/// <summary>
/// Figures. Pending and lag (the age of the oldest save that is not archived yet) are null while Redis is away. The last
/// four are of the newest sample.
/// </summary>
internal sealed record StatsResponse(
    long? Pending,
    double? LagSeconds,
    long OutboxPending,
    double OutboxOldestAgeSeconds,
    long DeadLetters,
    long Archived,
    bool ArchivedIsEstimate,
    long OpenJobs,
    long? QueueDepth,
    long? DeadCommands,
    double? SavesPerSecond,
    double? ArchivedPerSecond);

/// <summary>Samples of the last hour, oldest first, and the pause between two.</summary>
internal sealed record HistoryResponse(double IntervalSeconds, IReadOnlyList<StatsSample> Samples);

/// <summary>An entry of the audit trail.</summary>
internal sealed record AuditItem(long Id, DateTimeOffset CreatedAt, string Actor, string Action, string Subject, string Detail);

/// <summary>One page of the audit trail.</summary>
internal sealed record AuditItems(IReadOnlyList<AuditItem> Items, string? ContinuationToken);
