using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

/// <summary>A prepared command with numbered parameters that is used again and again on its connection. Not thread-safe.</summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly SqliteCommand _command;

    /// <summary>Prepares a statement.</summary>
    /// <param name="connection">An open connection.</param>
    /// <param name="sql">The text.</param>
    public SqliteStatement(SqliteConnection connection, string sql)
    {
        _command = connection.CreateCommand();
        _command.CommandText = sql;
    }

    /// <summary>Runs it.</summary>
    /// <param name="transaction">The open transaction, if any.</param>
    /// <param name="values">?1, ?2, …: string, long, byte[], ReadOnlyMemory of bytes or null.</param>
    /// <returns>How many rows changed.</returns>
    public int Execute(SqliteTransaction? transaction, params ReadOnlySpan<object?> values) => Bind(transaction, values).ExecuteNonQuery();

    /// <summary>Runs it.</summary>
    /// <param name="transaction">The open transaction, if any.</param>
    /// <param name="values">?1, ?2, …: string, long, byte[], ReadOnlyMemory of bytes or null.</param>
    /// <returns>The first row's number.</returns>
    public long Number(SqliteTransaction? transaction, params ReadOnlySpan<object?> values) => (long)Bind(transaction, values).ExecuteScalar()!;

    /// <summary>Runs it.</summary>
    /// <param name="transaction">The open transaction, if any.</param>
    /// <param name="values">?1, ?2, …: string, long, byte[], ReadOnlyMemory of bytes or null.</param>
    public SqliteDataReader Query(SqliteTransaction? transaction, params ReadOnlySpan<object?> values) => Bind(transaction, values).ExecuteReader();

    /// <inheritdoc />
    public void Dispose() => _command.Dispose();

    private SqliteCommand Bind(SqliteTransaction? transaction, ReadOnlySpan<object?> values)
    {
        _command.Transaction = transaction;
        for (var i = 0; i < values.Length; i++)
        {
            if (_command.Parameters.Count == i)
            {
                _command.Parameters.Add(new SqliteParameter { ParameterName = $"?{i + 1}" });
            }

            _command.Parameters[i].Value = values[i] switch
            {
                null => DBNull.Value,
                ReadOnlyMemory<byte> memory => ToArray(memory),
                var value => value,
            };
        }

        return _command;
    }

    private static byte[] ToArray(ReadOnlyMemory<byte> memory) =>
        MemoryMarshal.TryGetArray(memory, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length
            ? segment.Array
            : memory.ToArray();
}
