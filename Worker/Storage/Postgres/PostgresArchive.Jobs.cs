using Npgsql;
using NpgsqlTypes;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

internal sealed partial class PostgresArchive
{
    // Counting so many rows takes a moment; more than that and the planner's estimate will do.
    private const long CountedRows = 2_000_000;

    private static readonly JobRows Rows = new(static (reader, column) => reader.GetFieldValue<DateTimeOffset>(column));

    /// <summary>How long counting may take.</summary>
    /// <value>The default value is 10 seconds.</value>
    internal TimeSpan CountTimeout { get; init; } = TimedCount.Timeout;

    /// <inheritdoc />
    public async Task<bool> AddJobAsync(NewJob job, CancellationToken cancellationToken) => await ExecuteAsync(
        _sql.JobAdd,
        cancellationToken,
        Text(job.Id),
        Text(job.Kind),
        Json(job.Arguments),
        Integer(job.Priority),
        Integer(job.MaxAttempts),
        Integer(job.ItemsPerSecond),
        Interval(job.Delay),
        Text(job.UniqueKey)) > 0;

    /// <inheritdoc />
    public async Task<Job?> ClaimJobAsync(string owner, TimeSpan lease, CancellationToken cancellationToken) =>
        JobRows.One(await QueryAsync(_sql.JobClaim, Rows.ReadJob, cancellationToken, Text(owner), Interval(lease)));

    /// <inheritdoc />
    public async Task<JobHold> SaveJobProgressAsync(
        string owner, string jobId, JobProgress progress, TimeSpan lease, CancellationToken cancellationToken) => JobRows.HoldOf(await QueryAsync(
        _sql.JobProgress,
        static reader => reader.GetBoolean(0),
        cancellationToken,
        Text(owner),
        Text(jobId),
        Text(progress.Cursor),
        Bigint(progress.Done),
        Bigint(progress.Total),
        Parameter(progress.Rate, NpgsqlDbType.Double),
        Json(progress.Counts),
        Bigint(progress.FindingsBefore),
        Texts(progress.Findings.Select(finding => DeadLetterText.Clean(finding.Kind))),
        Texts(progress.Findings.Select(finding => DeadLetterText.Clean(finding.Subject))),
        Texts(progress.Findings.Select(finding => DeadLetterText.Clean(finding.Detail))),
        Interval(lease)));

    /// <inheritdoc />
    public async Task<JobHold> ExtendJobAsync(string owner, string jobId, TimeSpan lease, CancellationToken cancellationToken) =>
        JobRows.HoldOf(await QueryAsync(_sql.JobExtend, static reader => reader.GetBoolean(0), cancellationToken, Text(owner), Text(jobId), Interval(lease)));

    /// <inheritdoc />
    public async Task<bool> EndJobAsync(
        string owner, string jobId, JobState state, string? error, TimeSpan delay, CancellationToken cancellationToken) =>
        await ExecuteAsync(
            _sql.JobEnd, cancellationToken, Text(owner), Text(jobId), Text(JobStates.ToText(state)), Text(DeadLetterText.Clean(error)), Interval(delay)) > 0;

    /// <inheritdoc />
    public async Task<Job?> CancelJobAsync(string jobId, CancellationToken cancellationToken) =>
        JobRows.One(await QueryAsync(_sql.JobCancel, Rows.ReadJob, cancellationToken, Text(jobId)));

    /// <inheritdoc />
    public async Task<Job?> GetJobAsync(string jobId, CancellationToken cancellationToken) =>
        JobRows.One(await QueryAsync(_sql.JobGet, Rows.ReadJob, cancellationToken, Text(jobId)));

    /// <inheritdoc />
    public Task<IReadOnlyList<Job>> ListJobsAsync(
        JobState? state, string? kind, string? beforeId, int limit, CancellationToken cancellationToken) => QueryAsync(
        _sql.JobList, Rows.ReadJob, cancellationToken, Text(state is { } s ? JobStates.ToText(s) : null), Text(kind), Text(beforeId), Bigint(limit));

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredFinding>> ListFindingsAsync(string jobId, long after, int limit, CancellationToken cancellationToken) => QueryAsync(
        _sql.FindingList,
        static reader => new StoredFinding(reader.GetInt64(0), new JobFinding(reader.GetString(1), reader.GetString(2), reader.GetString(3))),
        cancellationToken,
        Text(jobId),
        Bigint(after),
        Bigint(limit));

    /// <inheritdoc />
    public Task<int> PurgeJobsAsync(TimeSpan age, int batchSize, CancellationToken cancellationToken) =>
        PurgeAsync(_sql.JobPurge, Age(age), batchSize, cancellationToken);

    /// <inheritdoc />
    public Task<long?> CountCheckpointsOfAsync(string executionId, CancellationToken cancellationToken) =>
        CountAsync(_sql.CheckpointCountOf, executionId, cancellationToken);

    /// <inheritdoc />
    public async Task<long?> CountCheckpointsAsync(string prefix, CancellationToken cancellationToken) =>
        prefix.Length == 0 && await NumberAsync(_sql.CheckpointEstimate, cancellationToken) is > CountedRows and var estimate
            ? estimate
            : await CountAsync(_sql.CheckpointCount, prefix, cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredHash>> ListHashesAsync(string executionId, SequenceRange range, CancellationToken cancellationToken) => QueryAsync(
        _sql.HashList,
        static reader => new StoredHash(reader.GetString(0), reader.GetString(1), reader.GetInt64(2), reader.GetFieldValue<byte[]>(3)),
        cancellationToken,
        Text(executionId),
        Bigint(range.Lowest),
        Bigint(range.Highest));

    /// <inheritdoc />
    public async Task<StoredDeadLetter?> GetDeadLetterAsync(long rowId, CancellationToken cancellationToken) =>
        JobRows.One(await QueryAsync(_sql.DeadLetterGet, Rows.ReadDeadLetter, cancellationToken, Bigint(rowId)));

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredDeadLetter>> ListDeadLettersAfterAsync(long afterId, int limit, long maxBytes, CancellationToken cancellationToken) =>
        QueryAsync(_sql.DeadLetterNext, Rows.ReadDeadLetter, cancellationToken, Bigint(afterId), Bigint(limit), Bigint(maxBytes));

    /// <inheritdoc />
    public Task<int> RemoveDeadLettersAsync(IReadOnlyCollection<long> rowIds, CancellationToken cancellationToken) =>
        ExecuteAsync(_sql.DeadLetterRemove, cancellationToken, Parameter(rowIds.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint));

    /// <inheritdoc />
    public Task<bool> FlushDeletedAsync(CancellationToken cancellationToken) => Task.FromResult(true);

    /// <inheritdoc />
    public async Task<ArchiveStats> GetStatsAsync(CancellationToken cancellationToken) => (await QueryAsync(
        _sql.Stats, static reader => new ArchiveStats(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2)), cancellationToken))[0];

    /// <inheritdoc />
    public Task<ArchiveTotal> GetTotalAsync(CancellationToken cancellationToken) => _total.GetAsync(cancellationToken);

    /// <inheritdoc />
    public Task AddAuditAsync(AuditEntry entry, CancellationToken cancellationToken) => ExecuteAsync(
        _sql.AuditAdd,
        cancellationToken,
        Text(DeadLetterText.Clean(entry.Actor)),
        Text(entry.Action),
        Text(DeadLetterText.Clean(entry.Subject)),
        Text(DeadLetterText.Clean(entry.Detail)));

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredAuditEntry>> ListAuditAsync(long? beforeId, int limit, CancellationToken cancellationToken) => QueryAsync(
        _sql.AuditList,
        static reader => new StoredAuditEntry(
            reader.GetInt64(0),
            new AuditEntry(reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4)),
            reader.GetFieldValue<DateTimeOffset>(5)),
        cancellationToken,
        Bigint(beforeId ?? long.MaxValue),
        Bigint(limit));

    private static NpgsqlParameter Integer(int? value) => new() { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Integer };

    private static NpgsqlParameter<TimeSpan> Interval(TimeSpan value) => Parameter(value, NpgsqlDbType.Interval);

    private async Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        await using var command = _source.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<ArchiveTotal> CountAllAsync()
    {
        var estimate = await NumberAsync(_sql.CheckpointEstimate, CancellationToken.None);
        return estimate <= CountedRows && await CountAsync(_sql.CheckpointCount, "", CancellationToken.None) is { } count
            ? new ArchiveTotal(count, false)
            : new ArchiveTotal(Math.Max(estimate, 0), true);
    }

    // Only to be shown: it must not keep anybody from the work itself.
    private async Task<long?> CountAsync(string sql, string executions, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(sql);
        command.Parameters.Add(Text(executions));
        return await command.CountAsync(CountTimeout, cancellationToken);
    }

    private async Task<long> NumberAsync(string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) =>
        (await QueryAsync(sql, static reader => reader.GetInt64(0), cancellationToken, parameters))[0];

    private async Task<IReadOnlyList<T>> QueryAsync<T>(
        string sql, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        await using var command = _source.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        var rows = new List<T>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(read(reader));
        }

        return rows;
    }
}
