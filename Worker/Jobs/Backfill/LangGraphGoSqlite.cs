using System.Text;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// langgraphgo's table in SQLite: id, execution_id, node_name, state, metadata, timestamp, version. The order of the
/// input is that of the rows. The file is opened to read only.
/// </summary>
internal sealed class LangGraphGoSqlite : IForeignStore
{
    private readonly SqliteConnection _connection;
    private readonly string _table;

    static LangGraphGoSqlite() => SQLitePCL.Batteries_V2.Init();

    /// <summary>Opens the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="table">The table, checked to be an identifier.</param>
    public LangGraphGoSqlite(string path, string table)
    {
        _table = string.Join('.', table.Split('.').Select(part => $"\"{part}\""));
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false }.ToString());
        _connection.Open();
    }

    public IReadOnlyList<JobFinding> Strays => [];

    public Task<IReadOnlyList<string>> FindExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken) => QueryAsync(
        $"""
        /* langgraphgo.executions */
        SELECT DISTINCT CAST(execution_id AS TEXT) FROM {_table}
        WHERE substr(execution_id, 1, length(?1)) = ?1 AND (?2 IS NULL OR execution_id > ?2)
        ORDER BY 1
        LIMIT ?3
        """,
        static reader => reader.GetString(0),
        prefix,
        after,
        (long)limit);

    public async Task<ForeignIndex> IndexAsync(string execution, CancellationToken cancellationToken)
    {
        var (entries, problems) = (new List<ForeignEntry>(), new List<JobFinding>());
        var rows = await QueryAsync(
            $"""
            /* langgraphgo.index */
            SELECT CAST(id AS TEXT), CAST("timestamp" AS TEXT), CAST(coalesce(version, 0) AS INTEGER) FROM {_table} WHERE execution_id = ?1 ORDER BY rowid
            """,
            static reader => (Id: Text(reader, 0) ?? "", Time: Text(reader, 1), Version: reader.GetInt64(2)),
            execution);
        foreach (var (id, text, version) in rows)
        {
            if (ForeignTime.TryParse(text, out var time, out var nanoseconds))
            {
                entries.Add(new ForeignEntry(id, time, nanoseconds, version, id));
            }
            else
            {
                problems.Add(new JobFinding("unreadable", $"{execution}/{id}", $"The timestamp is '{text}', which is not a time."));
            }
        }

        return new ForeignIndex(entries, problems);
    }

    public async Task<IReadOnlyList<ForeignCheckpoint>> LoadAsync(
        string execution, IReadOnlyList<ForeignEntry> entries, CancellationToken cancellationToken)
    {
        var loaded = new List<ForeignCheckpoint>(entries.Count);
        foreach (var entry in entries)
        {
            loaded.AddRange(await QueryAsync(
                $"""
                /* langgraphgo.load */
                SELECT CAST(node_name AS TEXT), CAST(state AS TEXT), CAST(metadata AS TEXT) FROM {_table} WHERE execution_id = ?1 AND id = ?2
                """,
                reader => new ForeignCheckpoint(
                    entry, Text(reader, 0) ?? "", Text(reader, 1) is { } state ? Encoding.UTF8.GetBytes(state) : default, Text(reader, 2)),
                execution,
                entry.Id));
        }

        return loaded;
    }

    public async Task<long?> CountAsync(string prefix, CancellationToken cancellationToken) => (await QueryAsync(
        $"/* langgraphgo.count */ SELECT count(*) FROM {_table} WHERE substr(execution_id, 1, length(?1)) = ?1", static reader => reader.GetInt64(0), prefix))[0];

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private static string? Text(SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    // SQLite blocks.
    private Task<IReadOnlyList<T>> QueryAsync<T>(string sql, Func<SqliteDataReader, T> read, params object?[] values) => Task.Run(() =>
    {
        var rows = new List<T>();
        using var statement = new SqliteStatement(_connection, sql);
        using var reader = statement.Query(null, values);
        while (reader.Read())
        {
            rows.Add(read(reader));
        }

        return (IReadOnlyList<T>)rows;
    });
}
