using System.Runtime.InteropServices;
using System.Text;
using AsyncCheckpoints.Contracts;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

internal sealed partial class SqliteArchive
{
    /// <inheritdoc />
    public Task<ArchivePage> FindAsync(
        CheckpointQuery query, string? id, ListPosition? after, long maxBytes, CancellationToken cancellationToken) =>
        SequenceRange.Of(query, after) is { } range
            ? _connections.ReadAsync(connection => Find(connection, query, id, after, range, maxBytes, cancellationToken), cancellationToken)
            : Task.FromResult(new ArchivePage([], false));

    /// <inheritdoc />
    public Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken) =>
        _connections.ReadAsync(
            connection =>
            {
                var executions = new List<string>();
                using var statement = new SqliteStatement(connection, _sql.ExecutionFind);
                using var reader = statement.Query(null, prefix, after ?? "", (long)limit);
                while (reader.Read())
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    executions.Add(reader.GetString(0));
                }

                return (IReadOnlyList<string>)executions;
            },
            cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<Tombstone>> ListTombstonesAsync(string prefix, Tombstone? after, int limit, CancellationToken cancellationToken) =>
        ListTombstonesAsync(_sql.TombstoneList, prefix, after, limit, cancellationToken);

    /// <inheritdoc />
    public Task<IReadOnlyList<Tombstone>> ListTombstonesSinceAsync(DateTimeOffset since, Tombstone? after, int limit, CancellationToken cancellationToken) =>
        ListTombstonesAsync(_sql.TombstoneSince, CheckpointCodec.ToMicroseconds(since), after, limit, cancellationToken);

    private Task<IReadOnlyList<Tombstone>> ListTombstonesAsync(
        string sql, object which, Tombstone? after, int limit, CancellationToken cancellationToken) => FindAsync(
        sql,
        static reader => CommitPlan.TombstoneOf(
            reader.GetString(0), (TombstoneScope)reader.GetInt64(1), reader.GetString(2), reader.GetString(3), reader.GetInt64(4)),
        cancellationToken,
        which,
        after?.ExecutionId ?? "",
        after is null ? -1L : (long)CommitPlan.ScopeOf(after),
        after?.Namespace ?? "",
        after?.Id ?? "",
        (long)limit);

    private ArchivePage Find(
        SqliteConnection connection,
        CheckpointQuery query,
        string? id,
        ListPosition? after,
        SequenceRange range,
        long maxBytes,
        CancellationToken cancellationToken)
    {
        // The rows and their states from one snapshot.
        using var transaction = connection.BeginTransaction(deferred: true);
        var ns = query.Namespace ?? OnlyNamespace(connection, transaction, query.ExecutionId);
        using var find = new SqliteStatement(connection, _sql.FindPage(ns is null, query.OldestFirst, id is not null));
        using var loadState = new SqliteStatement(connection, _sql.State);
        using var reader = find.Query(
            transaction,
            query.ExecutionId,
            ns,
            id,
            query.ParentId,
            query.NodeName,
            range.Lowest,
            range.Highest,
            after?.Sequence,
            after?.Namespace,
            after?.Id,
            query.Metadata is { } metadata ? Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(metadata)) : null,
            (long)query.Limit);
        var items = new List<Checkpoint>();
        var bytes = 0L;
        while (reader.Read())
        {
            cancellationToken.ThrowIfCancellationRequested();
            bytes += query.IncludeState ? reader.GetInt64(11) : 0;
            if (items.Count == query.Limit || (items.Count > 0 && bytes > maxBytes))
            {
                return new ArchivePage(items, true);
            }

            var checkpoint = Read(reader);
            items.Add(query.IncludeState ? checkpoint with { State = LoadState(loadState, transaction, reader.GetInt64(0)) } : checkpoint);
        }

        return new ArchivePage(items, false);
    }

    /// <summary>Only within one namespace does an index have the order of a page. Null: there are several, or none.</summary>
    private string? OnlyNamespace(SqliteConnection connection, SqliteTransaction transaction, string executionId)
    {
        using var statement = new SqliteStatement(connection, _sql.Namespaces);
        using var reader = statement.Query(transaction, executionId);
        reader.Read();
        return !reader.IsDBNull(0) && reader.GetString(0) == reader.GetString(1) ? reader.GetString(0) : null;
    }

    private static byte[] LoadState(SqliteStatement statement, SqliteTransaction transaction, long row)
    {
        using var reader = statement.Query(transaction, row);
        reader.Read();
        return reader.GetFieldValue<byte[]>(0);
    }

    private static Checkpoint Read(SqliteDataReader reader) => new()
    {
        ExecutionId = reader.GetString(1),
        Namespace = reader.GetString(2),
        Id = reader.GetString(3),
        Sequence = reader.GetInt64(4),
        Version = reader.GetInt64(5),
        CreatedAt = CheckpointCodec.FromMicroseconds(reader.GetInt64(6)),
        ParentId = reader.IsDBNull(7) ? null : reader.GetString(7),
        NodeName = reader.GetString(8),
        ContentType = reader.GetString(9),
        Metadata = CheckpointCodec.ParseMetadata(reader.IsDBNull(10) ? null : reader.GetString(10)),
    };
}
