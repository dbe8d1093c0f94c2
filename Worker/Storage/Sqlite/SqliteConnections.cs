using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

/// <summary>
/// One connection that writes, with its prepared statements, and any number that read. All work is done on the thread
/// pool: SQLite blocks.
/// </summary>
internal sealed class SqliteConnections : IAsyncDisposable
{
    private readonly SqliteArchiveOptions _options;
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly ConcurrentBag<SqliteConnection> _readers = [];
    private readonly Dictionary<string, SqliteStatement> _statements = new(StringComparer.Ordinal);
    private SqliteConnection? _writer;
    private volatile bool _isDisposed;

    static SqliteConnections() => SQLitePCL.Batteries_V2.Init();

    /// <summary>Creates the set; the file is opened when it is first used.</summary>
    /// <param name="options">Where the file is.</param>
    public SqliteConnections(SqliteArchiveOptions options) => _options = options;

    /// <summary>Gives a prepared statement of the writing connection.</summary>
    /// <param name="sql">The text.</param>
    public delegate SqliteStatement Prepare(string sql);

    /// <summary>Runs work in one write transaction; what throws leaves nothing behind.</summary>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Stops waiting; the work looks at it itself.</param>
    public async Task<T> WriteAsync<T>(Func<SqliteTransaction, Prepare, T> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var started = Stopwatch.GetTimestamp();
        await _writing.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => Write(work, Stopwatch.GetElapsedTime(started), cancellationToken), cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Runs work on a connection of its own.</summary>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Stops it between two rows.</param>
    public Task<T> ReadAsync<T>(Func<SqliteConnection, T> work, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return Task.Run(
            () =>
            {
                var connection = _readers.TryTake(out var idle) ? idle : Open();
                try
                {
                    var result = work(connection);
                    if (_isDisposed)
                    {
                        connection.Dispose();
                    }
                    else
                    {
                        _readers.Add(connection);
                    }

                    return result;
                }
                catch
                {
                    connection.Dispose();
                    throw;
                }
            },
            cancellationToken);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _isDisposed = true;
        await _writing.WaitAsync();
        try
        {
            Close();
            while (_readers.TryTake(out var reader))
            {
                reader.Dispose();
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    private T Write<T>(Func<SqliteTransaction, Prepare, T> work, TimeSpan waited, CancellationToken cancellationToken)
    {
        try
        {
            _writer ??= OpenWriter();
            SetBusyTimeout(_writer, _options.BusyTimeout - waited);
            var transaction = _writer.BeginTransaction(deferred: false);
            var result = work(transaction, GetStatement);
            cancellationToken.ThrowIfCancellationRequested();
            transaction.Commit();
            transaction.Dispose();
            return result;
        }
        catch
        {
            // The state of the connection after a fault is anyone's guess: the next write opens a new one. Closing rolls
            // back; on a full disk that may fail as well, and must not hide the fault.
            Close();
            throw;
        }
    }

    private SqliteStatement GetStatement(string sql)
    {
        if (!_statements.TryGetValue(sql, out var statement))
        {
            statement = new SqliteStatement(_writer!, sql);
            _statements.Add(sql, statement);
        }

        return statement;
    }

    private void Close()
    {
        foreach (var statement in _statements.Values)
        {
            statement.Dispose();
        }

        _statements.Clear();
        var writer = Interlocked.Exchange(ref _writer, null);
        try
        {
            writer?.Dispose();
        }
        catch (SqliteException)
        {
            // Rolling back takes room too, on a full disk. Closing the file itself gives its lock back and rolls back.
            writer!.Handle?.Dispose();
        }
    }

    // Room for the indexes' pages. A full transaction writes a page of them for nearly every checkpoint: the log goes into
    // the file every 64 MiB, so that a page that several transactions wrote goes there once. What is deleted is overwritten.
    private SqliteConnection OpenWriter()
    {
        var connection = Open();
        using var pragmas = connection.CreateCommand();
        pragmas.CommandText = "PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 16384; PRAGMA secure_delete = ON;";
        pragmas.ExecuteNonQuery();
        return connection;
    }

    private SqliteConnection Open()
    {
        var path = Path.GetFullPath(_options.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Pooling = false,
        }.ToString());
        try
        {
            connection.Open();
            SetBusyTimeout(connection, _options.BusyTimeout);
            using var pragmas = connection.CreateCommand();
            pragmas.CommandText = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
            pragmas.ExecuteNonQuery();
            RegisterMatch(connection);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// How long SQLite waits for another process's lock, and the driver for SQLite: a second at least, also for who has stood
    /// in line behind others of this process.
    /// </summary>
    private static void SetBusyTimeout(SqliteConnection connection, TimeSpan timeout)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(timeout.TotalSeconds));
        SQLitePCL.raw.sqlite3_busy_timeout(connection.Handle, seconds * 1000);
        connection.DefaultTimeout = seconds;
    }

    private static void RegisterMatch(SqliteConnection connection)
    {
        // A query has one filter and many rows: it is parsed once.
        string? text = null;
        JsonElement parsed = default;
        connection.CreateFunction(
            SqliteSql.MatchFunction,
            (string? metadata, string filter) =>
            {
                if (!string.Equals(text, filter, StringComparison.Ordinal))
                {
                    parsed = JsonElement.Parse(filter);
                    text = filter;
                }

                return MetadataFilter.Matches(CheckpointCodec.ParseMetadata(metadata), parsed);
            },
            isDeterministic: true);
    }
}
