using AsyncCheckpoints.Contracts;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

internal sealed partial class SqliteArchive
{
    // Counting so many rows takes a moment; more than that and the highest row id will do.
    private const long CountedRows = 2_000_000;

    private static readonly JobRows Rows = new(static (reader, column) => CheckpointCodec.FromMicroseconds(reader.GetInt64(column)));

    /// <inheritdoc />
    public Task<bool> AddJobAsync(NewJob job, CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) => prepare(_sql.JobAdd).Execute(
            transaction,
            job.Id,
            job.Kind,
            job.Arguments,
            (long)job.Priority,
            (long)job.MaxAttempts,
            (long?)job.ItemsPerSecond,
            Now + Microseconds(job.Delay),
            job.UniqueKey,
            Now) > 0,
        cancellationToken);

    /// <inheritdoc />
    public async Task<Job?> ClaimJobAsync(string owner, TimeSpan lease, CancellationToken cancellationToken)
    {
        // A look first: this is asked often, and a writer has to wait for its turn.
        return await NumberAsync(_sql.JobDue, cancellationToken, Now) > 0
            ? JobRows.One(await ChangeAsync(_sql.JobClaim, Rows.ReadJob, cancellationToken, owner, Now, Now + Microseconds(lease)))
            : null;
    }

    /// <inheritdoc />
    public Task<JobHold> SaveJobProgressAsync(
        string owner, string jobId, JobProgress progress, TimeSpan lease, CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) =>
        {
            var hold = JobRows.HoldOf(Query(
                prepare(_sql.JobProgress),
                transaction,
                static reader => reader.GetBoolean(0),
                owner,
                jobId,
                progress.Cursor,
                progress.Done,
                progress.Total,
                progress.Rate,
                progress.Counts,
                progress.FindingsBefore + progress.Findings.Count,
                Now + Microseconds(lease),
                Now));
            for (var i = 0; hold != JobHold.Lost && i < progress.Findings.Count; i++)
            {
                var (kind, subject, detail) = progress.Findings[i];
                prepare(_sql.FindingAdd).Execute(
                    transaction,
                    jobId,
                    progress.FindingsBefore + i + 1,
                    DeadLetterText.Clean(kind),
                    DeadLetterText.Clean(subject),
                    DeadLetterText.Clean(detail));
            }

            return hold;
        },
        cancellationToken);

    /// <inheritdoc />
    public async Task<JobHold> ExtendJobAsync(string owner, string jobId, TimeSpan lease, CancellationToken cancellationToken) => JobRows.HoldOf(
        await ChangeAsync(_sql.JobExtend, static reader => reader.GetBoolean(0), cancellationToken, owner, jobId, Now + Microseconds(lease)));

    /// <inheritdoc />
    public Task<bool> EndJobAsync(
        string owner, string jobId, JobState state, string? error, TimeSpan delay, CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) => prepare(_sql.JobEnd).Execute(
            transaction, owner, jobId, JobStates.ToText(state), DeadLetterText.Clean(error), Now + Microseconds(delay), Now) > 0,
        cancellationToken);

    /// <inheritdoc />
    public async Task<Job?> CancelJobAsync(string jobId, CancellationToken cancellationToken) =>
        JobRows.One(await ChangeAsync(_sql.JobCancel, Rows.ReadJob, cancellationToken, jobId, Now));

    /// <inheritdoc />
    public async Task<Job?> GetJobAsync(string jobId, CancellationToken cancellationToken) =>
        JobRows.One(await FindAsync(_sql.JobGet, Rows.ReadJob, cancellationToken, jobId));

    /// <inheritdoc />
    public Task<IReadOnlyList<Job>> ListJobsAsync(
        JobState? state, string? kind, string? beforeId, int limit, CancellationToken cancellationToken) =>
        FindAsync(_sql.JobList, Rows.ReadJob, cancellationToken, state is { } s ? JobStates.ToText(s) : null, kind, beforeId, (long)limit);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredFinding>> ListFindingsAsync(string jobId, long after, int limit, CancellationToken cancellationToken) => FindAsync(
        _sql.FindingList,
        static reader => new StoredFinding(reader.GetInt64(0), new JobFinding(reader.GetString(1), reader.GetString(2), reader.GetString(3))),
        cancellationToken,
        jobId,
        after,
        (long)limit);

    /// <inheritdoc />
    public async Task<int> PurgeJobsAsync(TimeSpan age, int batchSize, CancellationToken cancellationToken)
    {
        await _connections.WriteAsync(
            (transaction, prepare) => prepare(_sql.FindingPurge).Execute(transaction, Now - Microseconds(age), long.MaxValue),
            cancellationToken);
        return await PurgeAsync(_sql.JobPurge, _time.GetUtcNow() - age, batchSize, cancellationToken);
    }

    /// <inheritdoc />
    public async Task<long?> CountCheckpointsOfAsync(string executionId, CancellationToken cancellationToken) =>
        await NumberAsync(_sql.CheckpointCountOf, cancellationToken, executionId);

    /// <inheritdoc />
    public async Task<long?> CountCheckpointsAsync(string prefix, CancellationToken cancellationToken) =>
        prefix.Length == 0 && await NumberAsync(_sql.CheckpointEstimate, cancellationToken) is > CountedRows and var estimate
            ? estimate
            : await NumberAsync(_sql.CheckpointCount, cancellationToken, prefix);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredHash>> ListHashesAsync(string executionId, SequenceRange range, CancellationToken cancellationToken) => FindAsync(
        _sql.HashList,
        static reader => new StoredHash(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), reader.GetFieldValue<byte[]>(3)),
        cancellationToken,
        executionId,
        range.Lowest,
        range.Highest);

    /// <inheritdoc />
    public async Task<StoredDeadLetter?> GetDeadLetterAsync(long rowId, CancellationToken cancellationToken) =>
        JobRows.One(await FindAsync(_sql.DeadLetterGet, Rows.ReadDeadLetter, cancellationToken, rowId));

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredDeadLetter>> ListDeadLettersAfterAsync(long afterId, int limit, long maxBytes, CancellationToken cancellationToken) =>
        FindAsync(_sql.DeadLetterNext, Rows.ReadDeadLetter, cancellationToken, afterId, (long)limit, maxBytes);

    /// <inheritdoc />
    public Task<int> RemoveDeadLettersAsync(IReadOnlyCollection<long> rowIds, CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) => rowIds.Sum(rowId => prepare(_sql.DeadLetterRemove).Execute(transaction, rowId)), cancellationToken);

    /// <inheritdoc />
    public async Task<bool> FlushDeletedAsync(CancellationToken cancellationToken) => await NumberAsync(SqliteSql.EmptyLog, cancellationToken) == 0;

    /// <inheritdoc />
    public async Task<ArchiveStats> GetStatsAsync(CancellationToken cancellationToken)
    {
        var (letters, jobs) = (await FindAsync(_sql.Stats, static reader => (reader.GetInt64(0), reader.GetInt64(1)), cancellationToken))[0];
        return new ArchiveStats(letters, jobs, Interlocked.Read(ref _written));
    }

    /// <inheritdoc />
    public Task<ArchiveTotal> GetTotalAsync(CancellationToken cancellationToken) => _total.GetAsync(cancellationToken);

    /// <inheritdoc />
    public Task AddAuditAsync(AuditEntry entry, CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) => prepare(_sql.AuditAdd).Execute(
            transaction,
            DeadLetterText.Clean(entry.Actor),
            entry.Action,
            DeadLetterText.Clean(entry.Subject),
            DeadLetterText.Clean(entry.Detail),
            Now),
        cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredAuditEntry>> ListAuditAsync(long? beforeId, int limit, CancellationToken cancellationToken) => FindAsync(
        _sql.AuditList,
        static reader => new StoredAuditEntry(
            reader.GetInt64(0),
            new AuditEntry(reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4)),
            CheckpointCodec.FromMicroseconds(reader.GetInt64(5))),
        cancellationToken,
        beforeId ?? long.MaxValue,
        (long)limit);

    private static List<T> Query<T>(
        SqliteStatement statement, SqliteTransaction? transaction, Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> values)
    {
        var rows = new List<T>();
        using var reader = statement.Query(transaction, values);
        while (reader.Read())
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    private static List<T> Query<T>(SqliteConnection connection, string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> values)
    {
        using var statement = new SqliteStatement(connection, sql);
        return Query(statement, null, read, values);
    }

    private async Task<ArchiveTotal> CountAllAsync()
    {
        var estimate = await NumberAsync(_sql.CheckpointEstimate, CancellationToken.None);
        return estimate > CountedRows
            ? new ArchiveTotal(estimate, true)
            : new ArchiveTotal(await NumberAsync(_sql.CheckpointCount, CancellationToken.None, ""), false);
    }

    private async Task<long> NumberAsync(string sql, CancellationToken cancellationToken, params object?[] values) =>
        (await FindAsync(sql, static reader => reader.GetInt64(0), cancellationToken, values))[0];

    private Task<IReadOnlyList<T>> FindAsync<T>(
        string sql, Func<SqliteDataReader, T> read, CancellationToken cancellationToken, params object?[] values) => _connections.ReadAsync(
        connection => (IReadOnlyList<T>)Query(connection, sql, read, values), cancellationToken);

    private Task<IReadOnlyList<T>> ChangeAsync<T>(
        string sql, Func<SqliteDataReader, T> read, CancellationToken cancellationToken, params object?[] values) => _connections.WriteAsync(
        (transaction, prepare) => (IReadOnlyList<T>)Query(prepare(sql), transaction, read, values), cancellationToken);
}
