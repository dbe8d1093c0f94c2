using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;
using AsyncCheckpoints.Benchmarks.Ours;
using AsyncCheckpoints.Benchmarks.Peers;

namespace AsyncCheckpoints.Benchmarks;

/// <summary>Every measure: who takes part, with which sizes, and what ours has to reach.</summary>
internal static class Catalog
{
    public static IReadOnlyList<Measure> All { get; } =
    [
        new(
            "cached-one",
            "SaveAsync to Cached, one at a time",
            Metric.P50,
            [
                () => new RedisSet("raw SET", 1024, 1, 50_000, 5000),
                () => new RedisJsonSaver("JSON SET + SADD + ZADD", 1, 20_000, 3000),
                () => new PostgresSaver("INSERT … ON CONFLICT", 1, 5000, 500),
                () => new SaveToLevel("SaveAsync Cached, worker archiving", Saves.Cached, 1, true, 20_000, 3000),
                () => new SaveToLevel("SaveAsync Cached", Saves.Cached, 1, false, 50_000, 5000),
            ],
            [Target.AtMost(1.6, "SaveAsync Cached", Metric.P50, "raw SET")]),
        new(
            "cached-256",
            "SaveAsync to Cached, 256 in flight",
            Metric.Rate,
            [
                () => new RedisSetZaddZadd("raw SET + ZADD + ZADD", 256, 200_000, 20_000),
                () => new RedisJsonSaver("JSON SET + SADD + ZADD", 256, 100_000, 10_000),
                () => new SaveToLevel("SaveAsync Cached", Saves.Cached, 256, false, 200_000, 20_000),
            ],
            [Target.AtLeast(0.7, "SaveAsync Cached", Metric.Rate, "raw SET + ZADD + ZADD")]),
        new(
            "queued-1024",
            "SaveAsync to Queued, 1,024 in flight",
            Metric.Rate,
            [
                () => new RabbitPublish("raw publish, confirmed", 1024, 1024, 100_000, 10_000),
                () => new MassTransitPublish("MassTransit publish", 1024, 50_000, 5000),
                () => new SaveToLevel("SaveAsync Queued", Saves.Queued, 1024, false, 200_000, 20_000),
            ],
            [Target.AtLeast(10, "SaveAsync Queued", Metric.Rate, "MassTransit publish")]),
        new(
            "commit-postgres",
            "save → committed in PostgreSQL, sustained",
            Metric.Rate,
            [
                () => new PostgresWrites("raw UNNEST of 500", BulkWrite.Unnest, 500, 1, 1024, 200_000, 25_000),
                () => new PostgresWrites("raw UNNEST of 500, 2 connections", BulkWrite.Unnest, 500, 2, 1024, 200_000, 25_000),
                () => new PostgresWrites("raw COPY of 500", BulkWrite.Copy, 500, 1, 1024, 200_000, 25_000),
                () => MassTransitPipeline.Naive("MassTransit, one INSERT a message", 50_000, 3000),
                () => MassTransitPipeline.Batches("MassTransit Batch<T>, UNNEST", 100_000, 5000),
                () => MassTransitPipeline.FatMessages("MassTransit, 100 items a message, UNNEST", 200_000, 15_000),
                () => new SaveToCommitted("save → committed", isSqlite: false, 1024, 1_000_000, 40_000),
            ],
            [
                Target.AtLeast(0.6, "save → committed", Metric.Rate, "raw UNNEST of 500"),
                Target.AtLeast(10, "save → committed", Metric.Rate, "MassTransit, one INSERT a message"),
                Target.AtLeast(5, "save → committed", Metric.Rate, "MassTransit Batch<T>, UNNEST"),
            ]),
        new(
            "commit-sqlite",
            "save → committed in SQLite, sustained",
            Metric.Rate,
            [
                () => new SqliteBatches("raw FULL, 500 a transaction", 200_000, 25_000),
                () => new SaveToCommitted("save → committed", isSqlite: true, 1024, 1_000_000, 40_000),
            ],
            [Target.AtLeast(0.6, "save → committed", Metric.Rate, "raw FULL, 500 a transaction")]),
        new(
            "persisted-64",
            "SaveAsync to Persisted, 64 in flight",
            Metric.Rate,
            [
                () => new PostgresSaver("INSERT … ON CONFLICT, 64 in flight", 64, 50_000, 3000),
                () => new SaveToLevel("SaveAsync Persisted", Saves.Persisted, 64, true, 100_000, 5000),
            ],
            [Target.AtLeast(5, "SaveAsync Persisted", Metric.Rate, "INSERT … ON CONFLICT, 64 in flight")]),
    ];
}
