using Npgsql;
using NpgsqlTypes;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

internal sealed partial class PostgresArchive
{
    /// <inheritdoc />
    public async Task<IReadOnlyList<OutboxEntry>> ClaimOutboxAsync(
        string owner, OutboxKind kind, TimeSpan lease, int limit, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(_sql.OutboxClaim);
        command.Parameters.Add(Text(owner));
        command.Parameters.Add(Parameter(lease, NpgsqlDbType.Interval));
        command.Parameters.Add(Bigint(limit));
        command.Parameters.Add(Parameter((short)kind, NpgsqlDbType.Smallint));
        var entries = new List<OutboxEntry>();
        await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                entries.Add(new OutboxEntry(
                    reader.GetInt64(0), (OutboxKind)reader.GetInt16(1), OutboxChanges.FromJson(reader.GetString(2)), reader.GetInt32(3)));
            }
        }

        entries.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        return entries;
    }

    /// <inheritdoc />
    public async Task<int> MarkDeliveredAsync(string owner, IReadOnlyCollection<long> ids, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(_sql.OutboxDelivered);
        command.Parameters.Add(Text(owner));
        command.Parameters.Add(Parameter(ids.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint));
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <inheritdoc />
    public async Task ReleaseOutboxAsync(
        string owner, IReadOnlyCollection<long> ids, TimeSpan delay, string error, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(_sql.OutboxRelease);
        command.Parameters.Add(Text(owner));
        command.Parameters.Add(Parameter(ids.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint));
        command.Parameters.Add(Parameter(delay, NpgsqlDbType.Interval));
        command.Parameters.Add(Text(DeadLetterText.Clean(error)));
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <inheritdoc />
    public async Task<(DateTimeOffset Now, long NewestChange)> GetClockAsync(CancellationToken cancellationToken) => (await QueryAsync(
        _sql.Clock, static reader => (reader.GetFieldValue<DateTimeOffset>(0), reader.GetInt64(1)), cancellationToken))[0];

    /// <inheritdoc />
    public Task<IReadOnlyList<PastChanges>> ListChangesAsync(long? beforeId, int limit, CancellationToken cancellationToken) =>
        QueryAsync(_sql.OutboxChanges, ReadChanges, cancellationToken, Bigint(beforeId ?? long.MaxValue), Bigint(limit));

    /// <inheritdoc />
    public Task<IReadOnlyList<PastChanges>> ListRepairsSinceAsync(DateTimeOffset since, long? beforeId, int limit, CancellationToken cancellationToken) =>
        QueryAsync(
            _sql.OutboxRepairsSince, ReadChanges, cancellationToken, Parameter(since, NpgsqlDbType.TimestampTz), Bigint(beforeId ?? long.MaxValue), Bigint(limit));

    private static PastChanges ReadChanges(NpgsqlDataReader reader) =>
        new(reader.GetInt64(0), reader.GetFieldValue<DateTimeOffset>(1), OutboxChanges.FromJson(reader.GetString(2)));

    /// <inheritdoc />
    public async Task<DateTimeOffset?> GetNewestArrivalAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(_sql.NewestArrival);
        return await command.ExecuteScalarAsync(cancellationToken) is DateTime newest ? new DateTimeOffset(newest) : null;
    }

    /// <inheritdoc />
    public async Task<OutboxStats> GetOutboxStatsAsync(CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(_sql.OutboxStats);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new OutboxStats(reader.GetInt64(0), reader.GetFieldValue<TimeSpan>(1));
    }

    /// <inheritdoc />
    public async Task<bool> HasOutboxAsync(OutboxKind kind, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(_sql.OutboxHas);
        command.Parameters.Add(Parameter((short)kind, NpgsqlDbType.Smallint));
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredDeadLetter>> ListDeadLettersAsync(long? beforeId, int limit, bool includeBodies, CancellationToken cancellationToken) => QueryAsync(
        _sql.DeadLetterList,
        Rows.ReadDeadLetter,
        cancellationToken,
        Bigint(beforeId ?? long.MaxValue),
        Bigint(limit),
        Parameter(includeBodies, NpgsqlDbType.Boolean));

    /// <inheritdoc />
    public async Task<PurgeResult> PurgeAsync(PurgeLimits limits, CancellationToken cancellationToken)
    {
        // Beside each other: one that fails skips none.
        var removed = await Task.WhenAll(
            PurgeAsync(_sql.InboxPurge, Age(limits.Inbox), limits.BatchSize, cancellationToken),
            PurgeAsync(_sql.OutboxPurge, Age(limits.Outbox), limits.BatchSize, cancellationToken),
            PurgeAsync(_sql.TombstonePurge, Age(limits.Tombstones), limits.BatchSize, cancellationToken));
        return new PurgeResult(removed[0], removed[1], removed[2]);
    }

    // By the database's clock, as the rows are: a worker whose clock is ahead must not take tombstones away.
    private static NpgsqlParameter<TimeSpan> Age(TimeSpan age) => Parameter(age, NpgsqlDbType.Interval);

    private async Task<int> PurgeAsync(string sql, NpgsqlParameter limit, int batchSize, CancellationToken cancellationToken)
    {
        var total = 0;
        int removed;
        do
        {
            await using var command = _source.CreateCommand(sql);
            command.Parameters.Add(limit.Clone());
            command.Parameters.Add(Bigint(batchSize));
            removed = await command.ExecuteNonQueryAsync(cancellationToken);
            total += removed;
        }
        while (removed >= batchSize);
        return total;
    }
}
