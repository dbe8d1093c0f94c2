using System.Security.Cryptography;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Spool;

/// <summary>
/// The file of a spool that no application has open. It stays locked while it is worked on, as an application locks it, so
/// neither sees half of what the other does.
/// </summary>
internal static class SpoolFile
{
    private static readonly string[] Tables = ["spool", "rejected"];

    static SpoolFile() => SQLitePCL.Batteries_V2.Init();

    /// <summary>
    /// Rewrites the messages, those that were put aside too, in one transaction, then the whole file: nothing of what went
    /// is in its free pages or in its log. Their order and their command ids stay.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="rest">What is left of a message: the message itself, another one, or null for nothing.</param>
    /// <param name="isDryRun">Whether to ask only.</param>
    /// <returns>The rows that cannot be read.</returns>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">It is not the file of a spool; nothing was changed.</exception>
    /// <exception cref="CheckpointUnavailableException">Another process has it open.</exception>
    public static IReadOnlyList<SpoolRow> Rewrite(string path, Func<CheckpointCommands, CheckpointCommands?> rest, bool isDryRun)
    {
        if (!File.Exists(path))
        {
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        }

        try
        {
            using var connection = Open(path);
            if (isDryRun)
            {
                return RewriteRows(connection, rest, isDryRun);
            }

            Scalar(connection, "/* spool.journal */ PRAGMA journal_mode = WAL");
            Scalar(connection, "/* spool.durable */ PRAGMA synchronous = FULL");
            IReadOnlyList<SpoolRow> unreadable;
            using (var transaction = connection.BeginTransaction())
            {
                unreadable = RewriteRows(connection, rest, isDryRun);
                transaction.Commit();
            }

            // Also when nothing went: what was deleted before may be there, or another run may have ended here.
            Scalar(connection, "/* spool.rewrite */ VACUUM");
            return Scalar(connection, "/* spool.empty_log */ PRAGMA wal_checkpoint(TRUNCATE)") is 0L
                ? unreadable
                : throw new IOException($"The log of the spool '{path}' could not be emptied. Do it again.");
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SQLitePCL.raw.SQLITE_BUSY or SQLitePCL.raw.SQLITE_LOCKED)
        {
            throw new CheckpointUnavailableException($"The spool '{path}' is in use.", "Stop the application that it belongs to, and start it afterwards.", e);
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SQLitePCL.raw.SQLITE_NOTADB)
        {
            throw NotASpool(path, e);
        }
    }

    private static SqliteConnection Open(string path)
    {
        var source = new SqliteConnectionStringBuilder { DataSource = Path.GetFullPath(path), Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = 1 };
        var connection = new SqliteConnection(source.ConnectionString);
        try
        {
            connection.Open();
            Scalar(connection, "/* spool.lock */ PRAGMA locking_mode = EXCLUSIVE");
            const string columns = """
                /* spool.columns */
                SELECT (SELECT count(*) FROM pragma_table_info('spool') WHERE name IN ('id', 'body', 'sha256'))
                    + (SELECT count(*) FROM pragma_table_info('rejected') WHERE name IN ('id', 'body', 'reason'))
                """;
            return Scalar(connection, columns) is 6L ? connection : throw NotASpool(path, null);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static List<SpoolRow> RewriteRows(SqliteConnection connection, Func<CheckpointCommands, CheckpointCommands?> rest, bool isDryRun)
    {
        var unreadable = new List<SpoolRow>();
        foreach (var table in Tables)
        {
            for (var row = Next(connection, table, long.MinValue); row is { } at; row = Next(connection, table, at.Id))
            {
                try
                {
                    var message = CheckpointCommands.Parser.ParseFrom(at.Body as byte[] ?? throw new CheckpointFormatException($"The body is a {at.Body.GetType().Name}."));
                    var left = rest(message);
                    if (!isDryRun && !ReferenceEquals(left, message))
                    {
                        Replace(connection, table, at.Id, (byte[])at.Body, left);
                    }
                }
                catch (Exception e) when (e is InvalidProtocolBufferException or CheckpointFormatException or JsonException)
                {
                    unreadable.Add(new SpoolRow(table, at.Id));
                }
            }
        }

        return unreadable;
    }

    private static (long Id, object Body)? Next(SqliteConnection connection, string table, long after)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"/* spool.next */ SELECT id, body FROM {table} WHERE id > $after ORDER BY id LIMIT 1";
        command.Parameters.AddWithValue("$after", after);
        using var reader = command.ExecuteReader();
        return reader.Read() ? (reader.GetInt64(0), reader.GetValue(1)) : null;
    }

    private static void Replace(SqliteConnection connection, string table, long id, byte[] before, CheckpointCommands? left)
    {
        if (left is null)
        {
            Scalar(connection, $"/* spool.erase */ DELETE FROM {table} WHERE id = $id", ("$id", id));
            return;
        }

        var body = left.ToByteArray();
        Scalar(connection, $"/* spool.replace */ UPDATE {table} SET body = $body WHERE id = $id", ("$id", id), ("$body", body));
        if (table == "spool")
        {
            // A row that was damaged stays one.
            Scalar(
                connection,
                "/* spool.seal */ UPDATE spool SET sha256 = $after WHERE id = $id AND sha256 = $before",
                ("$id", id),
                ("$before", SHA256.HashData(before)),
                ("$after", SHA256.HashData(body)));
        }
    }

    private static InvalidDataException NotASpool(string path, Exception? cause) => new($"'{path}' is not the file of a spool.", cause);

    private static object? Scalar(SqliteConnection connection, string sql, params (string Name, object Value)[] parameters)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command.ExecuteScalar();
    }
}
