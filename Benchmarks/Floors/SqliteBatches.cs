using System.Diagnostics;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>SQLite by itself: one prepared INSERT, 500 rows a transaction, WAL, synchronous=FULL, the archive's table.</summary>
internal sealed class SqliteBatches(string name, int count, int quickCount) : IContender
{
    private const int BatchRows = 500;
    private Lab _lab = null!;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-bench-");
        try
        {
            var path = Path.Combine(folder.FullName, "floor.db");
            await using (var archive = new SqliteArchive(new SqliteArchiveOptions { Path = path }, TimeProvider.System))
            {
                await archive.MigrateAsync(CancellationToken.None);
            }

            await using var connection = Open(path);
            var batches = _lab.Count(count, quickCount) / BatchRows;
            var started = Stopwatch.GetTimestamp();
            Write(connection, batches, _lab.State(1024));
            var elapsed = Stopwatch.GetElapsedTime(started);
            Expect.Equal((long)batches * BatchRows, Scalar(connection, "SELECT count(*) FROM checkpoints"), "rows in SQLite");
            return Sample.OfRate((long)batches * BatchRows, elapsed);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Opens a database as the archive does.</summary>
    /// <param name="path">The file.</param>
    public static SqliteConnection Open(string path)
    {
        var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        Execute(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384;");
        return connection;
    }

    /// <summary>Reads one number.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="sql">The query.</param>
    public static long Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar() is long value ? value : 0;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static void Write(SqliteConnection connection, int batches, byte[] state)
    {
        using var insert = connection.CreateCommand();
        insert.CommandText = """
            INSERT INTO checkpoints (execution_id, namespace, checkpoint_id, sequence, version, created_at, archived_at, parent_id,
                node_name, content_type, state_sha256, metadata, state)
            VALUES ($execution, '', $id, $sequence, 0, 0, 0, NULL, 'node', 'application/octet-stream', $hash, NULL, $state)
            """;
        var execution = insert.Parameters.Add("$execution", SqliteType.Text);
        var id = insert.Parameters.Add("$id", SqliteType.Text);
        var sequence = insert.Parameters.Add("$sequence", SqliteType.Integer);
        insert.Parameters.AddWithValue("$hash", new byte[32]);
        insert.Parameters.AddWithValue("$state", state);
        for (var batch = 0; batch < batches; batch++)
        {
            using var transaction = connection.BeginTransaction(deferred: false);
            insert.Transaction = transaction;
            for (var i = 0; i < BatchRows; i++)
            {
                var number = (batch * BatchRows) + i;
                execution.Value = Rows.Execution(number);
                id.Value = Guid.CreateVersion7().ToString();
                sequence.Value = number + 1L;
                insert.ExecuteNonQuery();
            }

            transaction.Commit();
        }
    }
}
