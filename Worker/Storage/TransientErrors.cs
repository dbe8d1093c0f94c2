using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>The one place that says which faults pass by themselves.</summary>
internal static class TransientErrors
{
    // https://www.sqlite.org/rescode.html
    private const int SqliteBusy = 5;
    private const int SqliteLocked = 6;
    private const int SqliteNoMemory = 7;
    private const int SqliteReadOnly = 8;
    private const int SqliteInterrupt = 9;
    private const int SqliteIoError = 10;
    private const int SqliteCorrupt = 11;
    private const int SqliteFull = 13;
    private const int SqliteCannotOpen = 14;
    private const int SqliteProtocol = 15;
    private const int SqliteSchema = 17;

    /// <summary>
    /// Whether waiting helps, or somebody who mends the archive: it is away, overloaded, full, locked, damaged or shutting
    /// down, the session is not what it was, or this process has no memory left. False for what is wrong with the data or
    /// the program.
    /// </summary>
    /// <param name="exception">The fault.</param>
    public static bool IsTransient(Exception exception) => exception switch
    {
        PostgresException e => e.IsTransient || IsTransientState(e.SqlState),
        NpgsqlException => true,
        SqliteException e => e.SqliteErrorCode is SqliteBusy or SqliteLocked or SqliteNoMemory or SqliteReadOnly
            or SqliteInterrupt or SqliteIoError or SqliteCorrupt or SqliteFull or SqliteCannotOpen or SqliteProtocol or SqliteSchema,
        CheckpointException e => e.IsTransient,
        TimeoutException or SocketException or IOException or OperationCanceledException or OutOfMemoryException => true,
        AggregateException e => e.InnerExceptions.All(IsTransient),
        _ => exception.InnerException is { } inner && IsTransient(inner),
    };

    // https://www.postgresql.org/docs/current/errcodes-appendix.html
    private static bool IsTransientState(string state) =>
        state.StartsWith("08", StringComparison.Ordinal)       // connection
        || state.StartsWith("53", StringComparison.Ordinal)    // disk full, out of memory, too many connections
        || state.StartsWith("57P", StringComparison.Ordinal)   // shutting down, starting up
        || state.StartsWith("58", StringComparison.Ordinal)    // I/O
        || state.StartsWith("XX", StringComparison.Ordinal)    // damaged
        || state is "26000" or "42P05" or "0A000"              // prepared statements, behind a pooler or after a change of tables
        || state is "40001" or "40P01" or "55P03" or "25006"   // serialisation, deadlock, lock timeout, read-only
            or "57014" or "28P01" or "28000" or "3D000" or "42P01" or "3F000"; // cancelled; not (yet) set up for us
}
