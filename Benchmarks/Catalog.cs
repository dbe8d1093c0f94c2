using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Benchmarks.Ours;
using AsyncCheckpoints.Benchmarks.Peers;

namespace AsyncCheckpoints.Benchmarks;

/// <summary>Every measure: who takes part, with which sizes, and what ours has to reach.</summary>
internal static class Catalog
{
    private const string RawCache = "raw SET + ZADD + ZADD";
    private const string RawScript = "our script by itself";
    private const string RawQueue = "raw publish of 64 KB, confirmed";
    private const string RawRoundTrip = "raw publish and consume of 64 KB";
    private const string RawUnnest = "raw UNNEST of 500";
    private const string RawSqlite = "raw FULL, 500 a transaction";

    public static IReadOnlyList<Measure> All { get; } =
    [
        new(
            "try-save",
            "TrySave, 1 KB, one thread",
            Metric.P50,
            [() => new TrySaveBursts("TrySave")],
            [
                Target.AtMost(1, "TrySave", Metric.P50),
                Target.AtMost(10, "TrySave", Metric.P999),
                Target.AtMost(200, "TrySave", Metric.Allocated),
            ]),
        new(
            "cached-one",
            "SaveAsync to Cached, one at a time",
            Metric.P50,
            [
                () => new RedisSet("raw SET", 1024, 1, 50_000, 5000),
                () => new RedisSaveScript(RawScript, 1, 50_000, 5000),
                () => new RedisJsonSaver("JSON SET + SADD + ZADD", 1, 20_000, 3000),
                () => new PostgresSaver("INSERT … ON CONFLICT", 1, 5000, 500),
                () => new SaveToLevel("SaveAsync Cached, worker archiving", Saves.Cached, 1, true, 20_000, 3000),
                () => new SaveToLevel("SaveAsync Cached", Saves.Cached, 1, false, 50_000, 5000),
            ],
            [Target.AtMost(1.6, "SaveAsync Cached", Metric.P50, "raw SET")])
        {
            Parts = [RawScript],
        },
        new(
            "cached-256",
            "SaveAsync to Cached, 256 in flight",
            Metric.Rate,
            [
                () => new RedisSetZaddZadd(RawCache, 256, 200_000, 20_000),
                () => new RedisSaveScript(RawScript, 256, 200_000, 20_000),
                () => new RedisJsonSaver("JSON SET + SADD + ZADD", 256, 100_000, 10_000),
                () => new SaveToLevel("SaveAsync Cached", Saves.Cached, 256, false, 200_000, 20_000),
            ],
            [Target.AtLeast(0.7, "SaveAsync Cached", Metric.Rate, RawCache)])
        {
            Parts = [RawScript],
        },
        new(
            "queued-1024",
            "SaveAsync to Queued, 1,024 in flight",
            Metric.Rate,
            [
                () => new RabbitPublish("raw publish, confirmed", 1024, 1024, 100_000, 10_000),
                () => new RedisSetZaddZadd(RawCache, 256, 200_000, 20_000),
                () => new RabbitFatMessages(RawQueue, isConsumed: false, 200_000, 20_000),
                () => new MassTransitPublish("MassTransit publish", 1024, 50_000, 5000),
                () => new SaveToLevel("SaveAsync Queued", Saves.Queued, 1024, false, 200_000, 20_000),
            ],
            [Target.AtLeast(10, "SaveAsync Queued", Metric.Rate, "MassTransit publish")])
        {
            Parts = [RawCache, RawQueue],
        },
        new(
            "commit-postgres",
            "save → committed in PostgreSQL, sustained",
            Metric.Rate,
            [
                () => new PostgresWrites(RawUnnest, BulkWrite.Unnest, 500, 1, 1024, 200_000, 25_000),
                () => new PostgresWrites("raw UNNEST of 500, 2 connections", BulkWrite.Unnest, 500, 2, 1024, 200_000, 25_000),
                () => new PostgresWrites("raw COPY of 500", BulkWrite.Copy, 500, 1, 1024, 200_000, 25_000),
                () => new RedisSetZaddZadd(RawCache, 256, 200_000, 20_000),
                () => new RabbitFatMessages(RawRoundTrip, isConsumed: true, 200_000, 20_000),
                () => new ArchiveCommits("our transactions of 2,000, 2 connections", 2000, 2),
                () => MassTransitPipeline.Naive("MassTransit, one INSERT a message", 50_000, 3000),
                () => MassTransitPipeline.Batches("MassTransit Batch<T>, UNNEST", 100_000, 5000),
                () => MassTransitPipeline.FatMessages("MassTransit, 100 items a message, UNNEST", 200_000, 15_000),
                () => new SaveToCommitted("save → committed", isSqlite: false, 1024, 1_000_000, 40_000),
            ],
            [
                Target.AtLeast(0.6, "save → committed", Metric.Rate, RawUnnest),
                Target.AtLeast(10, "save → committed", Metric.Rate, "MassTransit, one INSERT a message"),
                Target.AtLeast(5, "save → committed", Metric.Rate, "MassTransit Batch<T>, UNNEST"),
            ])
        {
            Parts = [RawUnnest, RawCache, RawRoundTrip],
        },
        new(
            "commit-sqlite",
            "save → committed in SQLite, sustained",
            Metric.Rate,
            [
                () => new SqliteBatches(RawSqlite, 200_000, 25_000),
                () => new RedisSetZaddZadd(RawCache, 256, 200_000, 20_000),
                () => new RabbitFatMessages(RawRoundTrip, isConsumed: true, 200_000, 20_000),
                () => new SaveToCommitted("save → committed", isSqlite: true, 1024, 1_000_000, 40_000),
            ],
            [Target.AtLeast(0.6, "save → committed", Metric.Rate, RawSqlite)])
        {
            Parts = [RawSqlite, RawCache, RawRoundTrip],
        },
        new(
            "persisted-64",
            "SaveAsync to Persisted, 64 in flight",
            Metric.Rate,
            [
                () => new PostgresSaver("INSERT … ON CONFLICT, 64 in flight", 64, 50_000, 3000),
                () => new PostgresWrites("raw UNNEST of 64", BulkWrite.Unnest, 64, 1, 1024, 50_000, 3000),
                () => new RedisSetZaddZadd(RawCache, 64, 100_000, 5000),
                () => new RabbitFatMessages(RawRoundTrip, isConsumed: true, 200_000, 20_000),
                () => new SaveToLevel("SaveAsync Persisted", Saves.Persisted, 64, true, 100_000, 5000),
            ],
            [Target.AtLeast(5, "SaveAsync Persisted", Metric.Rate, "INSERT … ON CONFLICT, 64 in flight")])
        {
            Parts = ["raw UNNEST of 64", RawCache, RawRoundTrip],
        },
        new(
            "lag",
            "SaveAsync returning Queued → committed in PostgreSQL, at half of the peak load",
            Metric.P50,
            [() => new QueuedToCommitted("Queued → committed")],
            [Target.AtMost(20_000, "Queued → committed", Metric.P50), Target.AtMost(100_000, "Queued → committed", Metric.P99)]),
        new(
            "load-redis",
            "LoadLatest from Redis",
            Metric.P50,
            [() => new RedisGet("raw GET"), () => new RedisLatestScript("our script by itself"), () => new LatestLoads("LoadLatest", isArchived: false)],
            [Target.AtMost(1.5, "LoadLatest", Metric.P50, "raw GET")]),
        new(
            "load-archive",
            "LoadLatest from the archive through the worker",
            Metric.P50,
            [() => new PostgresLatest("raw SELECT"), () => new LatestLoads("LoadLatest", isArchived: true)],
            [Target.AtMost(5000, "LoadLatest", Metric.P50)]),
        BigStates("64 KB", 64 * 1024, 20_000, 2000, 16),
        BigStates("1 MB", 1024 * 1024, 2000, 150, 2),
        new(
            "growth-execution",
            "one execution, empty and with many checkpoints (100,000; QUICK: 20,000)",
            Metric.Rate,
            [
                () => new SaveToCommitted("empty", isSqlite: false, 1024, 100_000, 10_000) { Execution = _ => Rows.Execution(0) },
                () => new SaveToCommitted("filled", isSqlite: false, 1024, 100_000, 10_000)
                {
                    Execution = _ => Rows.Execution(0),
                    Prefill = Growth.OneExecution,
                },
            ],
            [Target.AtLeast(0.9, "filled", Metric.Rate, "empty")]),
        new(
            "growth-load",
            "LoadLatest of one execution, with 1 checkpoint and with many (100,000; QUICK: 20,000)",
            Metric.P50,
            [
                () => new LatestLoads("with 1", isArchived: false) { Execution = _ => Rows.Execution(0) },
                () => new LatestLoads("with many", isArchived: false) { Execution = _ => Rows.Execution(0), Prefill = Growth.OneExecution },
            ],
            [Target.AtMost(1.1, "with many", Metric.P50, "with 1")]),
        new(
            "growth-archive",
            "empty archive, and with 10,000,000 rows (QUICK: 200,000)",
            Metric.Rate,
            [
                () => new SaveToCommitted("empty", isSqlite: false, 1024, 200_000, 10_000) { IsKept = true },
                () => new SaveToCommitted("filled", isSqlite: false, 1024, 200_000, 10_000) { IsKept = true, Prefill = Growth.Archive },
            ],
            [Target.AtLeast(0.9, "filled", Metric.Rate, "empty")])
        {
            IsOnRequest = true,
        },
        new(
            "growth-archive-load",
            "LoadLatest from the archive, empty and with 10,000,000 rows (QUICK: 200,000)",
            Metric.P50,
            [
                () => new LatestLoads("empty", isArchived: true),
                () => new LatestLoads("filled", isArchived: true) { Prefill = Growth.Archive },
            ],
            [Target.AtMost(1.1, "filled", Metric.P50, "empty")])
        {
            IsOnRequest = true,
        },
        new(
            "memory-worker",
            "worker with a backlog of 1,000,000 (QUICK: 30,000)",
            Metric.Megabytes,
            [() => new WorkerBacklog("worker")],
            [Target.AtMost(300, "worker", Metric.Megabytes)]),
        new(
            "memory-sdk",
            "client with a full buffer of 64 MiB, Redis and broker hanging",
            Metric.Megabytes,
            [() => new SdkMemory("client")],
            [Target.AtMost(SdkMemory.BufferMegabytes + 50, "client", Metric.Megabytes)]),
        new("idle", "worker with nothing to do", Metric.Cpu, [() => new IdleWorker("worker")], [Target.AtMost(1, "worker", Metric.Cpu)]),
        new(
            "sizes",
            "what a checkpoint takes beside its state",
            Metric.RedisBytes,
            [
                () => new StoredBytes("SQLite, 1 KB", isSqlite: true, 1024),
                () => new StoredBytes("PostgreSQL, 16 KB", isSqlite: false, 16 * 1024),
                () => new StoredBytes("PostgreSQL, 1 KB", isSqlite: false, 1024),
            ],
            []),
        new("cold-start", "embedded worker until it is ready", Metric.Seconds, [() => new ColdStart("worker")], [Target.AtMost(2, "worker", Metric.Seconds)]),
    ];

    private static Measure BigStates(string size, int bytes, int count, int quickCount, int rows)
    {
        const string rawSet = "raw SET, 32 in flight", rawPublish = "raw publish, confirmed, 32 in flight";
        var rawUnnest = $"raw UNNEST of {rows}";
        return new Measure(
            $"state-{size.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant()}",
            $"states of {size}, save → committed in PostgreSQL",
            Metric.MegabytesPerSecond,
            [
                () => new RedisSet(rawSet, bytes, 32, count, quickCount),
                () => new RabbitPublish(rawPublish, bytes, 32, count, quickCount),
                () => new PostgresWrites(rawUnnest, BulkWrite.Unnest, rows, 2, bytes, count, quickCount),
                () => new SaveToCommitted("save → committed", isSqlite: false, bytes, count, quickCount),
            ],
            [Target.AtLeast(0.6, "save → committed", Metric.MegabytesPerSecond, rawSet, rawPublish, rawUnnest)])
        {
            Parts = [rawSet, rawPublish, rawUnnest],
        };
    }
}
