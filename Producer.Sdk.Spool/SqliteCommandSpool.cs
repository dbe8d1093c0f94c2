using System.Security.Cryptography;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Spooling;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Spool;

/// <summary>
/// The spool in one SQLite file: WAL, synchronous=FULL, locked for this process. A row is a whole message with its
/// checksum. The file is opened at the first use, so that a broken disk hurts only what needs the spool.
/// </summary>
internal sealed class SqliteCommandSpool : ICommandSpool, IDisposable
{
    private const long MaxPeekBytes = 8 * 1024 * 1024;

    private static readonly TimeSpan FailureInterval = TimeSpan.FromMinutes(1);

    private readonly SemaphoreSlim _gate = new(1);
    private readonly SemaphoreSlim _more = new(0);
    private readonly CheckpointSpoolOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<SqliteCommandSpool> _logger;
    private SqliteConnection? _connection;
    private long _bytes;

    // When the log last told of a failure; null once the spool was empty.
    private long? _failureLoggedAt;

    static SqliteCommandSpool() => SQLitePCL.Batteries_V2.Init();

    public SqliteCommandSpool(IOptions<CheckpointSpoolOptions> options, TimeProvider time, ILogger<SqliteCommandSpool> logger)
    {
        _options = options.Value;
        _time = time;
        _logger = logger;
    }

    public bool IsEnabled => true;

    public bool IsEmpty => Bytes == 0;

    public long? Bytes => Volatile.Read(ref _connection) is null ? null : Volatile.Read(ref _bytes);

    public async Task WaitForMoreAsync(CancellationToken cancellationToken)
    {
        await _more.WaitAsync(cancellationToken);
        while (_more.Wait(0, CancellationToken.None))
        {
            // One look is enough for all that was added.
        }
    }

    public async Task<bool> TryAppendAsync(CheckpointCommands message)
    {
        var body = message.ToByteArray();
        await _gate.WaitAsync();
        try
        {
            var connection = Open();
            if (_bytes + body.Length > _options.MaxSpoolBytes)
            {
                Log.Full(_logger, body.Length, _bytes, _options.MaxSpoolBytes);
                return false;
            }

            Execute(
                connection,
                "/* spool.append */ INSERT INTO spool (body, sha256) VALUES ($body, $sha256)",
                ("$body", body),
                ("$sha256", SHA256.HashData(body)));
            Interlocked.Add(ref _bytes, body.Length);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            Log.AppendFailed(_logger, e);
            return false;
        }
        finally
        {
            _gate.Release();
        }

        _more.Release();
        return true;
    }

    public async Task<IReadOnlyList<SpooledMessage>> PeekAsync(int maxMessages)
    {
        await _gate.WaitAsync();
        try
        {
            var connection = Open();
            var messages = new List<SpooledMessage>();
            var rejected = new List<(long Id, string Reason)>();
            using (var command = connection.CreateCommand())
            {
                command.CommandText = "/* spool.peek */ SELECT id, body, sha256, length(body) FROM spool ORDER BY id";
                using var reader = command.ExecuteReader();
                var bytes = 0L;
                while (messages.Count < maxMessages && bytes < MaxPeekBytes && reader.Read())
                {
                    var (id, size) = (reader.GetInt64(0), reader.GetInt64(3));
                    if (TryRead(reader.GetValue(1), reader.GetValue(2), out var reason) is { } message)
                    {
                        messages.Add(new SpooledMessage(id, message, size));
                        bytes += size;
                    }
                    else
                    {
                        rejected.Add((id, reason));
                    }
                }
            }

            rejected.ForEach(row => Reject(connection, row.Id, row.Reason));
            if (messages.Count == 0 && _failureLoggedAt is not null)
            {
                _failureLoggedAt = null;
                Log.DrainRecovered(_logger, _options.SpoolPath);
            }

            return messages;
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            LogFailure(e);
            throw new CheckpointUnavailableException($"The spool '{_options.SpoolPath}' cannot be read: {e.Message}", null, e);
        }
        finally
        {
            _gate.Release();
        }
    }

    public async Task RemoveAsync(IReadOnlyList<SpooledMessage> messages)
    {
        await _gate.WaitAsync();
        try
        {
            // What was added since has a higher id.
            var connection = Open();
            Execute(connection, "/* spool.remove */ DELETE FROM spool WHERE id <= $id", ("$id", messages[^1].Id));
            Interlocked.Add(ref _bytes, -messages.Sum(message => message.Bytes));
            ForgetWhenEmpty(connection);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            LogFailure(e);
            throw new CheckpointUnavailableException($"The spool '{_options.SpoolPath}' cannot be written: {e.Message}", null, e);
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose()
    {
        _connection?.Dispose();
        _gate.Dispose();
        _more.Dispose();
    }

    private static CheckpointCommands? TryRead(object body, object hash, out string reason)
    {
        reason = "";
        if (body is not byte[] bytes || hash is not byte[] sha256 || !SHA256.HashData(bytes).AsSpan().SequenceEqual(sha256))
        {
            reason = "It does not match its checksum.";
            return null;
        }

        try
        {
            var message = CheckpointCommands.Parser.ParseFrom(bytes);
            WireFormat.RequireReadable(message.SchemaVersion);
            return message;
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or CheckpointFormatException)
        {
            reason = e.Message;
            return null;
        }
    }

    private void LogFailure(Exception exception)
    {
        if (_failureLoggedAt is not { } at || _time.GetElapsedTime(at) >= FailureInterval)
        {
            _failureLoggedAt = _time.GetTimestamp();
            Log.DrainFailed(_logger, _options.SpoolPath, exception);
        }
    }

    private void Reject(SqliteConnection connection, long id, string reason)
    {
        Log.Rejected(_logger, id, reason);
        using var transaction = connection.BeginTransaction();
        Execute(
            connection,
            "/* spool.reject */ INSERT INTO rejected (id, body, reason) SELECT id, body, $reason FROM spool WHERE id = $id",
            ("$id", id),
            ("$reason", reason));
        Execute(connection, "/* spool.remove */ DELETE FROM spool WHERE id = $id", ("$id", id));
        transaction.Commit();
        Measure(connection);
    }

    private SqliteConnection Open()
    {
        if (_connection is not null)
        {
            return _connection;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_options.SpoolPath))!);
        // The file is this process's own: whoever else holds it will not let go soon.
        var source = new SqliteConnectionStringBuilder { DataSource = _options.SpoolPath, Pooling = false, DefaultTimeout = 1 };
        var connection = new SqliteConnection(source.ConnectionString);
        try
        {
            connection.Open();
            Execute(
                connection,
                """
                /* spool.open */
                PRAGMA locking_mode = EXCLUSIVE;
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = FULL;
                PRAGMA secure_delete = ON;
                CREATE TABLE IF NOT EXISTS spool (id INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL, sha256 BLOB NOT NULL);
                CREATE TABLE IF NOT EXISTS rejected (id INTEGER PRIMARY KEY, body BLOB NOT NULL, reason TEXT NOT NULL);
                """);
            Measure(connection);
            ForgetWhenEmpty(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        Log.Opened(_logger, _bytes);
        Volatile.Write(ref _connection, connection);
        return connection;
    }

    /// <summary>What was drained goes out of the file and out of its log, with the room that it took.</summary>
    private void ForgetWhenEmpty(SqliteConnection connection)
    {
        if (_bytes != 0)
        {
            return;
        }

        try
        {
            Execute(connection, "/* spool.forget */ VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
        }
        catch (SqliteException e)
        {
            Log.ForgetFailed(_logger, e);
        }
    }

    private void Measure(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "/* spool.size */ SELECT coalesce(sum(length(body)), 0) FROM spool";
        Volatile.Write(ref _bytes, (long)command.ExecuteScalar()!);
    }

    private static void Execute(SqliteConnection connection, string sql, params (string Name, object Value)[] parameters)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        command.ExecuteNonQuery();
    }
}
