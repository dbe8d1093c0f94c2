using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using Npgsql;
using NpgsqlTypes;
using StackExchange.Redis;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>Stores filled as langgraphgo fills them: its schemas, key layouts and JSON.</summary>
internal static class LangGraphGoFixtures
{
    private static readonly DateTimeOffset Start = new(2025, 6, 7, 8, 9, 10, TimeSpan.Zero);

    public static byte[] State(int version) => Encoding.UTF8.GetBytes($$"""{"messages": ["ü \u00e9 {{version}}"], "n": {{version}}.50}""");

    /// <summary>What PostgreSQL gives back for it from a column of jsonb.</summary>
    public static byte[] JsonbState(int version) => Encoding.UTF8.GetBytes($$"""{"n": {{version}}.50, "messages": ["ü é {{version}}"]}""");

    /// <summary>Every second one has the time of the one before: the version decides.</summary>
    public static DateTimeOffset Time(int i) => Start.AddMilliseconds(i / 2);

    public static string Execution(int i) => $"go-{i % 20:00}";

    /// <summary>As encoding/json writes the struct.</summary>
    public static string Json(int i, string? metadata = null) => $$"""
        {"id":"checkpoint_{{i}}","node_name":"node","state":{{Encoding.UTF8.GetString(State(i))}},"metadata":{{metadata ?? $$"""{"execution_id":"{{Execution(i)}}","event":"step"}"""}},"timestamp":"{{GoTime(i)}}","version":{{i}}}
        """;

    public static string GoTime(int i) => Time(i).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    public static async Task FillSqliteAsync(string path, int count)
    {
        await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = """
            CREATE TABLE checkpoints (
                id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, node_name TEXT NOT NULL, state TEXT NOT NULL,
                metadata TEXT, timestamp DATETIME NOT NULL, version INTEGER NOT NULL);
            CREATE INDEX idx_checkpoints_execution_id ON checkpoints (execution_id);
            """;
        await command.ExecuteNonQueryAsync();
        await using var transaction = (SqliteTransaction)await connection.BeginTransactionAsync();
        await using var insert = connection.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = "INSERT INTO checkpoints VALUES ($id, $execution, 'node', $state, $metadata, $time, $version)";
        foreach (var name in new[] { "$id", "$execution", "$state", "$metadata", "$time", "$version" })
        {
            insert.Parameters.Add(new SqliteParameter { ParameterName = name });
        }

        // Backwards, so that the rows' order is not the right one already.
        for (var i = count - 1; i >= 0; i--)
        {
            object[] values =
            [
                $"checkpoint_{i}", Execution(i), Encoding.UTF8.GetString(State(i)), """{"event":"step"}""",
                Time(i).UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.FFFFFFF'+00:00'", CultureInfo.InvariantCulture), i,
            ];
            for (var p = 0; p < values.Length; p++)
            {
                insert.Parameters[p].Value = values[p];
            }

            await insert.ExecuteNonQueryAsync();
        }

        await transaction.CommitAsync();
    }

    public static async Task FillPostgresAsync(string connectionString, int count)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var create = source.CreateCommand("""
            CREATE TABLE checkpoints (
                id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, node_name TEXT NOT NULL, state JSONB NOT NULL,
                metadata JSONB, timestamp TIMESTAMPTZ NOT NULL, version INTEGER NOT NULL)
            """);
        await create.ExecuteNonQueryAsync();
        await using var connection = await source.OpenConnectionAsync();
        await using var copy = await connection.BeginBinaryImportAsync("COPY checkpoints FROM STDIN (FORMAT BINARY)");
        for (var i = count - 1; i >= 0; i--)
        {
            await copy.StartRowAsync();
            await copy.WriteAsync($"checkpoint_{i}");
            await copy.WriteAsync(Execution(i));
            await copy.WriteAsync("node");
            await copy.WriteAsync(Encoding.UTF8.GetString(State(i)), NpgsqlDbType.Jsonb);
            await copy.WriteAsync("""{"event":"step"}""", NpgsqlDbType.Jsonb);
            await copy.WriteAsync(Time(i));
            await copy.WriteAsync(i);
        }

        await copy.CompleteAsync();
    }

    /// <summary>Half of the executions have a set of ids, as older releases write it, and half a sorted set.</summary>
    public static async Task FillRedisAsync(IDatabase db, string prefix, int count)
    {
        foreach (var part in Enumerable.Range(0, count).Chunk(1000))
        {
            await Task.WhenAll(part.SelectMany(i => new Task[]
            {
                db.StringSetAsync($"{prefix}checkpoint:checkpoint_{i}", Json(i)),
                i % 20 < 10
                    ? db.SetAddAsync($"{prefix}execution:{Execution(i)}:checkpoints", $"checkpoint_{i}")
                    : db.SortedSetAddAsync($"{prefix}execution:{Execution(i)}:checkpoints", $"checkpoint_{i}", i),
            }));
        }
    }

    /// <summary>The execution is a member of the metadata, under one of several names.</summary>
    public static async Task FillFilesAsync(string folder, int count)
    {
        Directory.CreateDirectory(folder);
        for (var i = 0; i < count; i++)
        {
            var member = (i % 3) switch { 0 => "execution_id", 1 => "session_id", _ => "thread_id" };
            await File.WriteAllTextAsync(Path.Combine(folder, $"checkpoint_{i}.json"), Json(i, $$"""{"{{member}}":"{{Execution(i)}}"}"""));
        }
    }
}
