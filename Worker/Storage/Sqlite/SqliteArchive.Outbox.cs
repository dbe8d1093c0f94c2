using AsyncCheckpoints.Contracts;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

internal sealed partial class SqliteArchive
{
    /// <inheritdoc />
    public Task<IReadOnlyList<OutboxEntry>> ClaimOutboxAsync(
        string owner, OutboxKind kind, TimeSpan lease, int limit, CancellationToken cancellationToken) => _connections.WriteAsync(
        (transaction, prepare) =>
        {
            var entries = new List<OutboxEntry>();
            using (var reader = prepare(_sql.OutboxClaim).Query(transaction, owner, Now, Now + Microseconds(lease), (long)limit, (long)kind))
            {
                while (reader.Read())
                {
                    entries.Add(new OutboxEntry(
                        reader.GetInt64(0), (OutboxKind)reader.GetInt32(1), OutboxChanges.FromJson(reader.GetString(2)), reader.GetInt32(3)));
                }
            }

            entries.Sort(static (a, b) => a.Id.CompareTo(b.Id));
            return (IReadOnlyList<OutboxEntry>)entries;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<int> MarkDeliveredAsync(string owner, IReadOnlyCollection<long> ids, CancellationToken cancellationToken) =>
        _connections.WriteAsync(
            (transaction, prepare) => ids.Sum(id => prepare(_sql.OutboxDelivered).Execute(transaction, owner, id, Now)),
            cancellationToken);

    /// <inheritdoc />
    public Task ReleaseOutboxAsync(
        string owner, IReadOnlyCollection<long> ids, TimeSpan delay, string error, CancellationToken cancellationToken) =>
        _connections.WriteAsync(
            (transaction, prepare) => ids.Sum(id => prepare(_sql.OutboxRelease).Execute(
                transaction, owner, id, Now + Microseconds(delay), DeadLetterText.Clean(error))),
            cancellationToken);

    /// <inheritdoc />
    public async Task<(DateTimeOffset Now, long NewestChange)> GetClockAsync(CancellationToken cancellationToken) =>
        (CheckpointCodec.FromMicroseconds(Now), (await FindAsync(_sql.NewestChange, static reader => reader.GetInt64(0), cancellationToken))[0]);

    /// <inheritdoc />
    public Task<IReadOnlyList<PastChanges>> ListChangesAsync(long? beforeId, int limit, CancellationToken cancellationToken) =>
        FindAsync(_sql.OutboxChanges, ReadChanges, cancellationToken, beforeId ?? long.MaxValue, (long)limit);

    /// <inheritdoc />
    public Task<IReadOnlyList<PastChanges>> ListRepairsSinceAsync(DateTimeOffset since, long? beforeId, int limit, CancellationToken cancellationToken) =>
        FindAsync(_sql.OutboxRepairsSince, ReadChanges, cancellationToken, CheckpointCodec.ToMicroseconds(since), beforeId ?? long.MaxValue, (long)limit);

    private static PastChanges ReadChanges(SqliteDataReader reader) =>
        new(reader.GetInt64(0), CheckpointCodec.FromMicroseconds(reader.GetInt64(1)), OutboxChanges.FromJson(reader.GetString(2)));

    /// <inheritdoc />
    public Task<DateTimeOffset?> GetNewestArrivalAsync(CancellationToken cancellationToken) => _connections.ReadAsync<DateTimeOffset?>(
        connection =>
        {
            using var statement = new SqliteStatement(connection, _sql.NewestArrival);
            using var reader = statement.Query(null);
            reader.Read();
            return reader.IsDBNull(0) ? null : CheckpointCodec.FromMicroseconds(reader.GetInt64(0));
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<OutboxStats> GetOutboxStatsAsync(CancellationToken cancellationToken) => _connections.ReadAsync(
        connection =>
        {
            using var statement = new SqliteStatement(connection, _sql.OutboxStats);
            using var reader = statement.Query(null);
            reader.Read();
            var age = reader.IsDBNull(1) ? 0 : Math.Max(0, Now - reader.GetInt64(1));
            return new OutboxStats(reader.GetInt64(0), TimeSpan.FromMicroseconds(age));
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<bool> HasOutboxAsync(OutboxKind kind, CancellationToken cancellationToken) => _connections.ReadAsync(
        connection =>
        {
            using var statement = new SqliteStatement(connection, _sql.OutboxHas);
            using var reader = statement.Query(null, (long)kind);
            reader.Read();
            return reader.GetInt64(0) != 0;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<StoredDeadLetter>> ListDeadLettersAsync(long? beforeId, int limit, bool includeBodies, CancellationToken cancellationToken) =>
        FindAsync(_sql.DeadLetterList, Rows.ReadDeadLetter, cancellationToken, beforeId ?? long.MaxValue, (long)limit, includeBodies ? 1L : 0L);

    /// <inheritdoc />
    public async Task<PurgeResult> PurgeAsync(PurgeLimits limits, CancellationToken cancellationToken)
    {
        // Beside each other: one that fails skips none.
        var removed = await Task.WhenAll(
            PurgeAsync(_sql.Purge[0], _time.GetUtcNow() - limits.Inbox, limits.BatchSize, cancellationToken),
            PurgeAsync(_sql.Purge[1], _time.GetUtcNow() - limits.Outbox, limits.BatchSize, cancellationToken),
            PurgeAsync(_sql.Purge[2], _time.GetUtcNow() - limits.Tombstones, limits.BatchSize, cancellationToken));
        return new PurgeResult(removed[0], removed[1], removed[2]);
    }

    // A transaction per batch: commits get their turn in between.
    private async Task<int> PurgeAsync(string sql, DateTimeOffset before, int batchSize, CancellationToken cancellationToken)
    {
        var total = 0;
        int removed;
        do
        {
            removed = await _connections.WriteAsync(
                (transaction, prepare) => prepare(sql).Execute(transaction, CheckpointCodec.ToMicroseconds(before), (long)batchSize),
                cancellationToken);
            total += removed;
        }
        while (removed >= batchSize);
        return total;
    }

    private static long Microseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMicrosecond;
}
