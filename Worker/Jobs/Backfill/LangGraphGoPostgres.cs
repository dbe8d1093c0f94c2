using System.Text;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using Npgsql;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// langgraphgo's table in PostgreSQL: id, execution_id, node_name, state (jsonb), metadata (jsonb), timestamp, version.
/// The order of the input is that of the rows in the table.
/// </summary>
internal sealed class LangGraphGoPostgres : IForeignStore
{
    private readonly NpgsqlDataSource _source;
    private readonly string _table;

    /// <summary>Creates it; connects when it is first used.</summary>
    /// <param name="connectionString">Npgsql connection string.</param>
    /// <param name="table">The table, checked to be an identifier.</param>
    public LangGraphGoPostgres(string connectionString, string table)
    {
        _source = NpgsqlDataSource.Create(connectionString);
        _table = string.Join('.', table.Split('.').Select(part => $"\"{part}\""));
    }

    public IReadOnlyList<JobFinding> Strays => [];

    public async Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand($"""
            /* langgraphgo.executions */
            SELECT DISTINCT t.execution_id::text COLLATE "C" AS execution FROM {_table} AS t
            WHERE starts_with(t.execution_id::text, $1) AND ($2::text IS NULL OR t.execution_id::text COLLATE "C" > $2)
            ORDER BY execution
            LIMIT $3
            """);
        command.Parameters.Add(new() { Value = prefix });
        command.Parameters.Add(new() { Value = (object?)after ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text });
        command.Parameters.Add(new() { Value = (long)limit });
        var found = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            found.Add(reader.GetString(0));
        }

        return found;
    }

    public async Task<ForeignIndex> IndexAsync(string execution, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand($"""
            /* langgraphgo.index */
            SELECT t.id::text, CASE WHEN isfinite(t."timestamp") THEN (extract(epoch FROM t."timestamp") * 1000000)::bigint END, t.version::bigint
            FROM {_table} AS t
            WHERE t.execution_id = $1
            ORDER BY t.ctid
            """);
        command.Parameters.Add(new() { Value = execution });
        var (entries, problems) = (new List<ForeignEntry>(), new List<JobFinding>());
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var id = reader.GetString(0);
            if (reader.IsDBNull(1))
            {
                problems.Add(new JobFinding("unreadable", $"{execution}/{id}", "It has no timestamp."));
            }
            else
            {
                entries.Add(new ForeignEntry(id, CheckpointCodec.FromMicroseconds(reader.GetInt64(1)), 0, reader.IsDBNull(2) ? 0 : reader.GetInt64(2), id));
            }
        }

        return new ForeignIndex(entries, problems);
    }

    public async Task<IReadOnlyList<ForeignCheckpoint>> LoadAsync(
        string execution, IReadOnlyList<ForeignEntry> entries, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand($"""
            /* langgraphgo.load */
            SELECT t.id::text, t.node_name::text, t.state::text, t.metadata::text FROM {_table} AS t
            WHERE t.execution_id = $1 AND t.id = ANY ($2)
            """);
        command.Parameters.Add(new() { Value = execution });
        command.Parameters.Add(new() { Value = entries.Select(entry => entry.Id).ToArray() });
        var byId = entries.ToDictionary(entry => entry.Id, StringComparer.Ordinal);
        var loaded = new List<ForeignCheckpoint>(entries.Count);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            loaded.Add(new ForeignCheckpoint(
                byId[reader.GetString(0)],
                reader.IsDBNull(1) ? "" : reader.GetString(1),
                reader.IsDBNull(2) ? default : Encoding.UTF8.GetBytes(reader.GetString(2)),
                reader.IsDBNull(3) ? null : reader.GetString(3)));
        }

        return loaded;
    }

    public async Task<long?> CountAsync(string prefix, CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand($"/* langgraphgo.count */ SELECT count(*) FROM {_table} AS t WHERE starts_with(t.execution_id::text, $1)");
        command.Parameters.Add(new() { Value = prefix });
        return await command.CountAsync(TimedCount.Timeout, cancellationToken);
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
