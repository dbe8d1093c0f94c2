namespace AsyncCheckpoints.Worker.Storage;

/// <summary>Where a job stands; stored in lower case.</summary>
internal enum JobState
{
    /// <summary>It waits for a worker.</summary>
    Available,

    /// <summary>A worker holds its lease.</summary>
    Running,

    /// <summary>It failed and is tried again when it is due.</summary>
    Retryable,

    /// <summary>It is done.</summary>
    Completed,

    /// <summary>Somebody cancelled it.</summary>
    Cancelled,

    /// <summary>It failed for good.</summary>
    Discarded,
}

/// <summary>Whether a worker still has its job.</summary>
internal enum JobHold
{
    /// <summary>It has.</summary>
    Held,

    /// <summary>It has, and is to stop.</summary>
    CancelRequested,

    /// <summary>It has not: somebody else runs it, or it has ended.</summary>
    Lost,
}

/// <summary>A job to add.</summary>
/// <param name="Id">A UUIDv7 of 32 digits, so ids rise with time.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Arguments">A JSON object.</param>
/// <param name="Priority">Higher ones go first.</param>
/// <param name="MaxAttempts">Attempts without getting ahead.</param>
/// <param name="ItemsPerSecond">How fast it may go; null: as fast as it can.</param>
/// <param name="Delay">How long it waits.</param>
/// <param name="UniqueKey">Two jobs never have the same.</param>
internal sealed record NewJob(
    string Id, string Kind, string Arguments, int Priority, int MaxAttempts, int? ItemsPerSecond, TimeSpan Delay, string? UniqueKey);

/// <summary>A job.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Arguments">A JSON object.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Priority">Higher ones go first.</param>
/// <param name="Attempts">Attempts since it last got ahead.</param>
/// <param name="MaxAttempts">How many there may be.</param>
/// <param name="ItemsPerSecond">How fast it may go.</param>
/// <param name="Cursor">Where it goes on.</param>
/// <param name="Done">Items passed.</param>
/// <param name="Total">Items there are, where that is known.</param>
/// <param name="Rate">Items per second, of late.</param>
/// <param name="Counts">A JSON object of what came of them.</param>
/// <param name="Findings">How many findings it has.</param>
/// <param name="Error">Why the last attempt failed.</param>
/// <param name="CancelRequested">Whether it is to stop.</param>
/// <param name="CreatedAt">When it was added.</param>
/// <param name="ScheduledAt">When it is (or was) due.</param>
/// <param name="StartedAt">When it was first claimed.</param>
/// <param name="UpdatedAt">When it last changed.</param>
/// <param name="FinishedAt">When it ended.</param>
internal sealed record Job(
    string Id,
    string Kind,
    string Arguments,
    JobState State,
    int Priority,
    int Attempts,
    int MaxAttempts,
    int? ItemsPerSecond,
    string? Cursor,
    long Done,
    long? Total,
    double Rate,
    string Counts,
    long Findings,
    string? Error,
    bool CancelRequested,
    DateTimeOffset CreatedAt,
    DateTimeOffset ScheduledAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? FinishedAt);

/// <summary>How far a job got.</summary>
/// <param name="Cursor">Where it goes on.</param>
/// <param name="Done">Items passed.</param>
/// <param name="Total">Items there are.</param>
/// <param name="Rate">Items per second.</param>
/// <param name="Counts">A JSON object of what came of them.</param>
/// <param name="FindingsBefore">Findings stored before.</param>
/// <param name="Findings">New ones.</param>
internal sealed record JobProgress(
    string? Cursor, long Done, long? Total, double Rate, string Counts, long FindingsBefore, IReadOnlyList<JobFinding> Findings);

/// <summary>Something that a job came across and a person should see.</summary>
/// <param name="Kind">What it is, such as "missing".</param>
/// <param name="Subject">Of which checkpoint, file or letter.</param>
/// <param name="Detail">In words.</param>
internal sealed record JobFinding(string Kind, string Subject, string Detail);

/// <summary>A finding in its place.</summary>
/// <param name="Position">1 is the first.</param>
/// <param name="Finding">The finding.</param>
internal sealed record StoredFinding(long Position, JobFinding Finding);

/// <summary>What is stored beside a state.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Id">The id.</param>
/// <param name="Sequence">The sequence.</param>
/// <param name="StateSha256">SHA-256 of the state when it was archived.</param>
internal sealed record StoredHash(string Namespace, string Id, long Sequence, ReadOnlyMemory<byte> StateSha256);

/// <summary>How many checkpoints the archive has.</summary>
/// <param name="Checkpoints">How many.</param>
/// <param name="IsEstimate">Whether that is an estimate.</param>
internal readonly record struct ArchiveTotal(long Checkpoints, bool IsEstimate);

/// <summary>Figures of the archive.</summary>
/// <param name="DeadLetters">How many dead letters there are.</param>
/// <param name="OpenJobs">Jobs that have not ended.</param>
/// <param name="Written">
/// Checkpoints inserted and replaced since some moment, by all workers: its rise is the rate. It may be a few seconds old,
/// and starts again with the server (PostgreSQL) or the worker (SQLite).
/// </param>
internal readonly record struct ArchiveStats(long DeadLetters, long OpenJobs, long Written);

/// <summary>Who did what.</summary>
/// <param name="Actor">Who.</param>
/// <param name="Action">Did what, such as "job.start".</param>
/// <param name="Subject">To what.</param>
/// <param name="Detail">With what.</param>
internal sealed record AuditEntry(string Actor, string Action, string Subject, string Detail);

/// <summary>An entry in its place.</summary>
/// <param name="Id">Its row.</param>
/// <param name="Entry">The entry.</param>
/// <param name="CreatedAt">When.</param>
internal sealed record StoredAuditEntry(long Id, AuditEntry Entry, DateTimeOffset CreatedAt);
