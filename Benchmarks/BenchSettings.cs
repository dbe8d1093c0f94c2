using System.Globalization;
using System.Runtime.InteropServices;
using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Benchmarks.Peers;
using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Benchmarks;

/// <summary>How servers, ours and the peers are set, as the servers themselves tell it.</summary>
internal static class BenchSettings
{
    // As much as PostgreSQL lets its log grow to by itself.
    private const int LogFiles = 64;
    private const int LogFileMegabytes = 16;

    /// <summary>
    /// PostgreSQL's durable defaults; it notes when a transaction committed and what a statement took, and keeps the files
    /// of its log to write over them.
    /// </summary>
    public static ServerSettings Servers { get; } = new()
    {
        RedisAppendFsync = "everysec",
        PostgresArguments = $"-c min_wal_size={LogFiles * LogFileMegabytes}MB -c track_commit_timestamp=on -c shared_preload_libraries=pg_stat_statements",
    };

    /// <summary>
    /// Gives PostgreSQL the files that one has which has run for a while. A new one makes each of them within a commit,
    /// and everybody waits for that.
    /// </summary>
    /// <param name="lab">The servers.</param>
    public static async Task PrepareAsync(Lab lab)
    {
        await using var postgres = await PostgresTable.OpenAsync(lab, "public", create: false);
        await postgres.ExecuteAsync("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
        for (var i = 0; i < LogFiles; i++)
        {
            await postgres.ExecuteAsync("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()");
        }

        await postgres.ExecuteAsync("CHECKPOINT");
    }

    /// <summary>Reads them.</summary>
    /// <param name="lab">The servers.</param>
    public static async Task<IReadOnlyList<(string Name, string Value)>> ReadAsync(Lab lab)
    {
        await using var postgres = await PostgresTable.OpenAsync(lab, "public", create: false);
        var redis = await RawRedis.ConnectAsync(lab);
        var server = redis.GetServer(redis.GetEndPoints()[0]);
        var persistence = (await server.ConfigGetAsync("append*")).ToDictionary(pair => pair.Key, pair => pair.Value);
        await using var rabbit = await RabbitPublish.ConnectAsync(lab);
        var version = rabbit.ServerProperties is { } properties && properties["version"] is byte[] bytes ? System.Text.Encoding.UTF8.GetString(bytes) : "?";
        IReadOnlyList<(string, string)> settings =
        [
            ("Machine", string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 1e9:0} GB, shared by clients, workers and all servers; {RuntimeInformation.FrameworkDescription}")),
            ("PostgreSQL", $"{await Show("server_version")}: fsync {await Show("fsync")}, synchronous_commit {await Show("synchronous_commit")}, full_page_writes {await Show("full_page_writes")}, wal_sync_method {await Show("wal_sync_method")}, min_wal_size {await Show("min_wal_size")} (full, as of a server that has run for a while); the same for everybody"),
            ("Redis", $"{server.Version}: appendonly {persistence["appendonly"]}, appendfsync {persistence["appendfsync"]}; the same for everybody"),
            ("RabbitMQ", $"{version}: quorum queues, persistent messages, publisher confirms; the same for everybody"),
            ("SQLite", "WAL, synchronous=FULL; the same for everybody"),
            ("Ours", "default options; inbox, outbox, tombstones, SHA-256 of every state and pending marks on; the worker is a process of its own; clients and peers live in the benchmark's process"),
            ("Peers", $"MassTransit 8.5 JSON; prefetch {MassTransitPipeline.Prefetch} (32 for messages of 100), acknowledged after the commit; no inbox, no outbox, no Redis; batches of up to 500 or 50 ms, 2 at the same time"),
            ("Rounds", $"{Lab.Rounds}, by turns, after a warm-up; median (lowest to highest)"),
        ];
        await redis.CloseAsync();
        return settings;

        Task<string> Show(string name) => postgres.ScalarAsync<string>($"SELECT current_setting('{name}')");
    }
}
