namespace AsyncCheckpoints.Worker.Storage;

/// <summary>
/// Jobs, dead letters one by one, figures and the audit trail, in the same database as the archive. A job belongs to the
/// worker that holds its lease; what a worker writes after it lost the lease has no effect. Safe for concurrent use.
/// </summary>
internal interface IJobStore
{
    /// <summary>Adds a job that is available after its delay; false when its id or unique key is there already.</summary>
    Task<bool> AddJobAsync(NewJob job, CancellationToken cancellationToken);

    /// <summary>
    /// Leases the job that is due next: highest priority, then longest due. One whose worker let the lease run out counts
    /// as due. Null when there is none.
    /// </summary>
    Task<Job?> ClaimJobAsync(string owner, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>
    /// Stores how far a job got, its new findings with it in one transaction, and extends the lease. An attempt that gets
    /// ahead is the first again.
    /// </summary>
    Task<JobHold> SaveJobProgressAsync(string owner, string jobId, JobProgress progress, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>Extends the lease alone.</summary>
    Task<JobHold> ExtendJobAsync(string owner, string jobId, TimeSpan lease, CancellationToken cancellationToken);

    /// <summary>
    /// Ends an attempt. Retryable: due again after the delay. Available: given back, the attempt does not count. A job that
    /// is to be cancelled is due no more: it is cancelled then.
    /// </summary>
    Task<bool> EndJobAsync(string owner, string jobId, JobState state, string? error, TimeSpan delay, CancellationToken cancellationToken);

    /// <summary>Cancels a job that waits; asks the worker of one that runs to stop. Null when there is none or it has ended.</summary>
    Task<Job?> CancelJobAsync(string jobId, CancellationToken cancellationToken);

    /// <summary>One job.</summary>
    Task<Job?> GetJobAsync(string jobId, CancellationToken cancellationToken);

    /// <summary>The newest jobs, from behind an id (descending).</summary>
    Task<IReadOnlyList<Job>> ListJobsAsync(JobState? state, string? kind, string? beforeId, int limit, CancellationToken cancellationToken);

    /// <summary>What a job found, in its order, from behind a position.</summary>
    Task<IReadOnlyList<StoredFinding>> ListFindingsAsync(string jobId, long after, int limit, CancellationToken cancellationToken);

    /// <summary>Removes jobs that ended longer ago than this, with their findings.</summary>
    Task<int> PurgeJobsAsync(TimeSpan age, int batchSize, CancellationToken cancellationToken);

    /// <summary>How many checkpoints an execution has; null where counting takes too long.</summary>
    Task<long?> CountCheckpointsOfAsync(string executionId, CancellationToken cancellationToken);

    /// <summary>How many checkpoints the executions of a prefix have; an estimate of very many, null where counting takes too long.</summary>
    Task<long?> CountCheckpointsAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>The SHA-256 that was stored with each checkpoint of a range of sequences.</summary>
    Task<IReadOnlyList<StoredHash>> ListHashesAsync(string executionId, SequenceRange range, CancellationToken cancellationToken);

    /// <summary>One dead letter.</summary>
    Task<StoredDeadLetter?> GetDeadLetterAsync(long rowId, CancellationToken cancellationToken);

    /// <summary>
    /// Dead letters in the order of their rows, from behind one, until their bodies exceed so many bytes together (there is
    /// at least one).
    /// </summary>
    Task<IReadOnlyList<StoredDeadLetter>> ListDeadLettersAfterAsync(long afterId, int limit, long maxBytes, CancellationToken cancellationToken);

    /// <summary>Removes dead letters in one transaction; what is not there is no error.</summary>
    /// <returns>How many there were.</returns>
    Task<int> RemoveDeadLettersAsync(IReadOnlyCollection<long> rowIds, CancellationToken cancellationToken);

    /// <summary>
    /// Takes what was deleted off the disk, where the store's files are its own: SQLite overwrites it and empties its log.
    /// PostgreSQL does so in its own time (VACUUM, the end of its WAL).
    /// </summary>
    /// <returns>False: a reader was in the way, and the log still holds it.</returns>
    Task<bool> FlushDeletedAsync(CancellationToken cancellationToken);

    /// <summary>Figures of the archive that are quick to get.</summary>
    Task<ArchiveStats> GetStatsAsync(CancellationToken cancellationToken);

    /// <summary>How many checkpoints there are, as of a little while ago where counting them takes time.</summary>
    Task<ArchiveTotal> GetTotalAsync(CancellationToken cancellationToken);

    /// <summary>Adds to the audit trail.</summary>
    Task AddAuditAsync(AuditEntry entry, CancellationToken cancellationToken);

    /// <summary>The newest entries of the audit trail, from behind an id (descending).</summary>
    Task<IReadOnlyList<StoredAuditEntry>> ListAuditAsync(long? beforeId, int limit, CancellationToken cancellationToken);
}
