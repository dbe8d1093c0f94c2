using System.Text;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Data.Sqlite;
using Npgsql;
using RabbitMQ.Client;
using StackExchange.Redis;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>Looks for a text in everything that an installation stores, past all of its code.</summary>
/// <param name="worker">The worker, whose archive is a file unless there is a database.</param>
/// <param name="database">The database.</param>
/// <param name="prefix">The prefix on Redis and the broker.</param>
internal sealed class RawStores(JobWorker worker, string? database, string prefix)
{
    /// <summary>Every place that has it, in order of name: "redis KEY", "table NAME", "file NAME", "queue NAME".</summary>
    public async Task<IReadOnlyList<string>> FindAsync(string text)
    {
        string[] places = [.. await InRedisAsync(text), .. await InTablesAsync(text), .. InFiles(text, worker.Folder), .. await InQueuesAsync(text)];
        return [.. places.Order(StringComparer.Ordinal)];
    }

    /// <summary>Files below a folder that have it, whatever their format.</summary>
    public static IReadOnlyList<string> InFiles(string text, string folder) =>
    [
        .. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(path => Has(ReadAll(path), text)).Select(path => $"file {Path.GetFileName(path)}"),
    ];

    /// <summary>Whether the archive has seen a command.</summary>
    public async Task<bool> HasCommandAsync(string commandId) =>
        (await RowsAsync($"SELECT command_id FROM {Table("inbox")} WHERE command_id = '{commandId}'")).Count > 0;

    private static byte[] ReadAll(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var copy = new MemoryStream();
        file.CopyTo(copy);
        return copy.ToArray();
    }

    private static bool Has(ReadOnlySpan<byte> bytes, string text) => bytes.IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;

    private async Task<IReadOnlyList<string>> InRedisAsync(string text)
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis + ",allowAdmin=true");
        var db = redis.GetDatabase();
        var found = new List<string>();
        foreach (var key in ((RedisResult[])(await db.ExecuteAsync("KEYS", $"*{prefix}*"))!).Select(name => (RedisKey)(byte[])name!))
        {
            RedisValue[] values = await db.KeyTypeAsync(key) switch
            {
                RedisType.Hash => [.. (await db.HashGetAllAsync(key)).SelectMany(entry => new[] { entry.Name, entry.Value })],
                RedisType.SortedSet => await db.SortedSetRangeByRankAsync(key),
                RedisType.String => [await db.StringGetAsync(key)],
                RedisType.None => [], // Gone since it was listed: a pending set that was settled.
                var other => throw new InvalidOperationException($"{key} is a {other}."),
            };
            if (values.Append((RedisValue)(byte[])key!).Any(value => Has((byte[])value!, text)))
            {
                found.Add($"redis {key}");
            }
        }

        return found;
    }

    private async Task<IReadOnlyList<string>> InTablesAsync(string text)
    {
        var hex = Convert.ToHexStringLower(Encoding.UTF8.GetBytes(text));
        var found = new List<string>();
        if (database is not null)
        {
            foreach (var table in await RowsAsync("SELECT table_name FROM information_schema.tables WHERE table_schema = 'checkpoints'"))
            {
                // The text of a row has every column; bytes are in hexadecimal.
                if ((await RowsAsync($"SELECT 'x' FROM {Table(table)} AS t WHERE t::text LIKE '%{text}%' OR t::text LIKE '%{hex}%' LIMIT 1")).Count > 0)
                {
                    found.Add($"table {table}");
                }
            }

            return found;
        }

        foreach (var table in await RowsAsync("SELECT name FROM sqlite_master WHERE type = 'table'"))
        {
            var columns = await RowsAsync($"SELECT name FROM pragma_table_info('{table}')");
            var condition = string.Join(" OR ", columns.Select(column => $"instr(hex(CAST({column} AS BLOB)), upper('{hex}')) > 0"));
            if ((await RowsAsync($"SELECT 'x' FROM {table} WHERE {condition} LIMIT 1")).Count > 0)
            {
                found.Add($"table {table}");
            }
        }

        return found;
    }

    private async Task<IReadOnlyList<string>> InQueuesAsync(string text)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        var names = new QueueNames(prefix);
        var found = new List<string>();
        foreach (var queue in new[] { names.Commands, names.DeadCommands })
        {
            // What is not acknowledged goes back with the channel.
            await using var channel = await connection.CreateChannelAsync();
            while (await channel.BasicGetAsync(queue, autoAck: false) is { } message)
            {
                if (Has(message.Body.Span, text))
                {
                    found.Add($"queue {queue}");
                }
            }
        }

        return found;
    }

    private string Table(string name) => database is null ? name : $"checkpoints.{name}";

    private async Task<IReadOnlyList<string>> RowsAsync(string sql)
    {
        await using System.Data.Common.DbConnection connection =
            database is null ? new SqliteConnection($"Data Source={worker.ArchivePath};Pooling=False") : new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        var rows = new List<string>();
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }
}
