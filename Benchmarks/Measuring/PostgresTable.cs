using AsyncCheckpoints.Worker.Storage.Postgres;
using Npgsql;
using NpgsqlTypes;

namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>A checkpoint as the raw clients and the peers write it.</summary>
internal sealed record Row(string ExecutionId, string Id, long Sequence, byte[] State);

/// <summary>
/// A table in the very shape of the archive's, indexes included, made by the archive's own migrations in a schema of its
/// own. What is committed, and when, PostgreSQL itself tells (track_commit_timestamp), for everybody in the same way.
/// </summary>
internal sealed class PostgresTable(NpgsqlDataSource source, string schema) : IAsyncDisposable
{
    private const string Columns =
        "execution_id, namespace, checkpoint_id, sequence, version, created_at, parent_id, node_name, content_type, state_sha256, metadata, state";

    private static readonly byte[] Hash = new byte[32];
    private static readonly DateTime CreatedAt = DateTime.UnixEpoch;
    private readonly string _table = $"{schema}.checkpoints";

    public NpgsqlDataSource Source => source;

    public string Schema => schema;

    /// <summary>Opens the schema; creates its tables when asked.</summary>
    /// <param name="lab">The servers.</param>
    /// <param name="schema">The schema.</param>
    /// <param name="create">Whether to create the tables.</param>
    public static async Task<PostgresTable> OpenAsync(Lab lab, string schema, bool create)
    {
        var settings = new NpgsqlConnectionStringBuilder(lab.Servers.Postgres)
        {
            MaxPoolSize = 80,
            MaxAutoPrepare = 20,
            AutoPrepareMinUsages = 2,
            SearchPath = "public",
            CommandTimeout = 900,
        };
        if (create)
        {
            await using var archive = new PostgresArchive(new PostgresArchiveOptions { ConnectionString = lab.Servers.Postgres, Schema = schema });
            await archive.MigrateAsync(CancellationToken.None);
        }

        return new PostgresTable(NpgsqlDataSource.Create(settings.ConnectionString), schema);
    }

    /// <summary>INSERT … ON CONFLICT of one row, as a synchronous saver does it.</summary>
    /// <param name="row">The row.</param>
    public async Task InsertAsync(Row row)
    {
        await using var command = source.CreateCommand($"""
            INSERT INTO {_table} ({Columns}) VALUES ($1, '', $2, $3, 0, $4, NULL, 'node', 'application/octet-stream', $5, NULL, $6)
            ON CONFLICT (execution_id, namespace, checkpoint_id) DO UPDATE SET sequence = excluded.sequence, state = excluded.state
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = row.ExecutionId });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = row.Id });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = row.Sequence });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = CreatedAt, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = Hash });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = row.State });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>The newest checkpoint of an execution, by the archive's index.</summary>
    /// <param name="executionId">The execution.</param>
    public async Task<byte[]> SelectLatestAsync(string executionId)
    {
        await using var command = source.CreateCommand(
            $"SELECT state FROM {_table} WHERE execution_id = $1 AND namespace = '' ORDER BY sequence DESC LIMIT 1");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = executionId });
        return (byte[])(await command.ExecuteScalarAsync())!;
    }

    /// <summary>One INSERT of many rows by UNNEST, its own transaction.</summary>
    /// <param name="rows">The rows.</param>
    public async Task UnnestAsync(IReadOnlyList<Row> rows)
    {
        await using var command = source.CreateCommand($"""
            INSERT INTO {_table} ({Columns})
            SELECT i.execution_id, '', i.checkpoint_id, i.sequence, 0, i.created_at, NULL, 'node', 'application/octet-stream',
                i.state_sha256, NULL, i.state
            FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[], $5::bytea[], $6::bytea[]) AS i (
                execution_id, checkpoint_id, sequence, created_at, state_sha256, state)
            ON CONFLICT (execution_id, namespace, checkpoint_id) DO NOTHING
            """);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.ExecutionId)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Id)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => row.Sequence)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime[]>
        {
            TypedValue = [.. rows.Select(_ => CreatedAt)],
            NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz,
        });
        command.Parameters.Add(new NpgsqlParameter<byte[][]> { TypedValue = [.. rows.Select(_ => Hash)] });
        command.Parameters.Add(new NpgsqlParameter<byte[][]> { TypedValue = [.. rows.Select(row => row.State)] });
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>One binary COPY of many rows, its own transaction.</summary>
    /// <param name="rows">The rows.</param>
    public async Task CopyAsync(IReadOnlyList<Row> rows)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var copy = await connection.BeginBinaryImportAsync($"COPY {_table} ({Columns}) FROM STDIN (FORMAT binary)");
        foreach (var row in rows)
        {
            await copy.StartRowAsync();
            await copy.WriteAsync(row.ExecutionId, NpgsqlDbType.Text);
            await copy.WriteAsync("", NpgsqlDbType.Text);
            await copy.WriteAsync(row.Id, NpgsqlDbType.Text);
            await copy.WriteAsync(row.Sequence, NpgsqlDbType.Bigint);
            await copy.WriteAsync(0L, NpgsqlDbType.Bigint);
            await copy.WriteAsync(CreatedAt, NpgsqlDbType.TimestampTz);
            await copy.WriteNullAsync();
            await copy.WriteAsync("node", NpgsqlDbType.Text);
            await copy.WriteAsync("application/octet-stream", NpgsqlDbType.Text);
            await copy.WriteAsync(Hash, NpgsqlDbType.Bytea);
            await copy.WriteNullAsync();
            await copy.WriteAsync(row.State, NpgsqlDbType.Bytea);
        }

        await copy.CompleteAsync();
    }

    /// <summary>PostgreSQL's clock.</summary>
    public Task<DateTime> NowAsync() => ScalarAsync<DateTime>("SELECT clock_timestamp()");

    /// <summary>A condition on the rows that count.</summary>
    public string Filter { get; set; } = "true";

    public Task<long> CountAsync() => ScalarAsync<long>($"SELECT count(*) FROM {_table} WHERE {Filter}");

    /// <summary>When the last of the rows was committed.</summary>
    public Task<DateTime> LastCommitAsync() => ScalarAsync<DateTime>($"SELECT max(pg_xact_commit_timestamp(xmin)) FROM {_table} WHERE {Filter}");

    public Task TruncateAsync() => ExecuteAsync($"TRUNCATE {_table}");

    public Task DropAsync() => ExecuteAsync($"DROP SCHEMA IF EXISTS {schema} CASCADE");

    /// <summary>Runs a statement.</summary>
    /// <param name="sql">The statement.</param>
    public async Task ExecuteAsync(string sql)
    {
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Reads one value.</summary>
    /// <typeparam name="T">Its type.</typeparam>
    /// <param name="sql">The query.</param>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public ValueTask DisposeAsync() => source.DisposeAsync();
}
