namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>What a round measures: a name that carries its unit.</summary>
internal static class Metric
{
    public const string Rate = "operations/s";
    public const string RateSettled = "operations/s until settled";
    public const string MegabytesPerSecond = "MB/s";
    public const string P50 = "p50 µs";
    public const string P99 = "p99 µs";
    public const string P999 = "p99.9 µs";
    public const string FlushP99 = "p99 µs of a flush of 8 KB beside it";
    public const string FlushLongest = "longest µs of a flush of 8 KB beside it";
    public const string LoadLatestP50 = "LoadLatest p50 µs";
    public const string Allocated = "B allocated/operation";
    public const string AllocatedByAll = "B allocated/operation by all threads";
    public const string ClientCpu = "µs of processor/operation, client";
    public const string WorkerCpu = "µs of processor/operation, worker";
    public const string RedisCpu = "µs of processor/operation, Redis";
    public const string RabbitCpu = "µs of processor/operation, RabbitMQ";
    public const string PostgresCpu = "µs of processor/operation, PostgreSQL";
    public const string Megabytes = "MB resident";
    public const string RedisBytes = "B/checkpoint beside its state, Redis";
    public const string RabbitBytes = "B/checkpoint beside its state, RabbitMQ (on the queue)";
    public const string ArchiveBytes = "B/checkpoint beside its state, archive";
    public const string BoxBytes = "B/checkpoint, inbox and outbox";
    public const string TombstoneBytes = "B/deletion, Redis";
    public const string Cpu = "% of a core";
    public const string Seconds = "s";

    /// <summary>Whether more is better.</summary>
    /// <param name="metric">The metric.</param>
    public static bool IsHigherBetter(string metric) => metric is Rate or RateSettled or MegabytesPerSecond;
}
