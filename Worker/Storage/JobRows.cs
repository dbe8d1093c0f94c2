using System.Data.Common;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>Reads rows of jobs and dead letters, whose columns both archives name in the same order.</summary>
/// <param name="moment">How the archive stores a moment.</param>
internal sealed class JobRows(Func<DbDataReader, int, DateTimeOffset> moment)
{
    /// <summary>The first row; null when there is none.</summary>
    /// <typeparam name="T">What it holds.</typeparam>
    /// <param name="rows">The rows.</param>
    public static T? One<T>(IReadOnlyList<T> rows)
        where T : class => rows.Count > 0 ? rows[0] : null;

    /// <summary>What an update under the lease tells: no row, and the lease is lost.</summary>
    /// <param name="cancelRequested">The column cancel_requested of the row that was updated, if one was.</param>
    public static JobHold HoldOf(IReadOnlyList<bool> cancelRequested) =>
        cancelRequested is [var isRequested] ? isRequested ? JobHold.CancelRequested : JobHold.Held : JobHold.Lost;

    /// <summary>Reads a job.</summary>
    /// <param name="reader">At its row.</param>
    public Job ReadJob(DbDataReader reader) => new(
        reader.GetString(0),
        reader.GetString(1),
        reader.GetString(2),
        JobStates.Parse(reader.GetString(3)),
        reader.GetInt32(4),
        reader.GetInt32(5),
        reader.GetInt32(6),
        reader.IsDBNull(7) ? null : reader.GetInt32(7),
        reader.IsDBNull(8) ? null : reader.GetString(8),
        reader.GetInt64(9),
        reader.IsDBNull(10) ? null : reader.GetInt64(10),
        reader.GetDouble(11),
        reader.GetString(12),
        reader.GetInt64(13),
        reader.IsDBNull(14) ? null : reader.GetString(14),
        reader.GetBoolean(15),
        moment(reader, 16),
        moment(reader, 17),
        MomentOrNull(reader, 18),
        moment(reader, 19),
        MomentOrNull(reader, 20));

    /// <summary>Reads a dead letter.</summary>
    /// <param name="reader">At its row.</param>
    public StoredDeadLetter ReadDeadLetter(DbDataReader reader) => new(
        reader.GetInt64(0),
        new DeadLetter(
            reader.GetString(1),
            reader.GetString(2),
            reader.GetString(3),
            reader.GetFieldValue<byte[]>(4),
            reader.IsDBNull(5) ? null : reader.GetString(5)),
        moment(reader, 6),
        reader.GetInt32(7));

    private DateTimeOffset? MomentOrNull(DbDataReader reader, int column) => reader.IsDBNull(column) ? null : moment(reader, column);
}
