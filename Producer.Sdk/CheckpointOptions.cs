using System.ComponentModel.DataAnnotations;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints;

/// <summary>
/// The client's settings, from code or from the section of the configuration that <c>AddAsyncCheckpoints</c> is given;
/// messages call it <c>Checkpoints</c>. The worker reads all but the two servers from its section <c>Checkpoints</c>.
/// </summary>
public sealed class CheckpointOptions
{
    /// <summary>StackExchange.Redis configuration, such as "127.0.0.1:6379". Required.</summary>
    public string? Redis { get; set; }

    /// <summary>The broker's URI, such as "amqp://user:password@host/vhost". Required.</summary>
    public string? RabbitMq { get; set; }

    /// <summary>
    /// Names everything in Redis and on the broker. Two prefixes never see each other; clients and workers that belong
    /// together have the same. 1 to 64 letters, digits, '-', '_' and '.'.
    /// </summary>
    /// <value>The default value is "checkpoints".</value>
    public string Prefix { get; set; } = "checkpoints";

    /// <summary>How many shards Redis's keys are spread over. Recorded in Redis, and refused when it differs.</summary>
    /// <value>The default value is 256.</value>
    [Range(1, 16384)]
    public int ShardCount { get; set; } = 256;

    /// <summary>The level of a save that asks for none.</summary>
    /// <value>The default value is <see cref="Durability.Queued"/>.</value>
    public Durability DefaultDurability { get; set; } = Durability.Queued;

    /// <summary>How long a save may take to reach its level.</summary>
    /// <value>The default value is 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan SaveTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one call to Redis may take; a save then goes on without it.</summary>
    /// <value>The default value is 2 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan CacheTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long the broker may take to confirm one message; it is then taken to be away.</summary>
    /// <value>The default value is 4 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan BrokerTimeout { get; set; } = TimeSpan.FromSeconds(4);

    /// <summary>How long a read that Redis cannot answer waits for the worker.</summary>
    /// <value>The default value is 5 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "01:00:00")]
    public TimeSpan ReadTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// While Redis cannot be reached, answer reads from the archive alone, which may be behind. A checkpoint that it does
    /// not have still is an exception, never "not found"; listings give what it has. Without it, every read fails while
    /// Redis is away.
    /// </summary>
    public bool AllowStaleReads { get; set; }

    /// <summary>How long a stopping host waits for what is buffered.</summary>
    /// <value>The default value is 20 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// The largest state, in bytes. The same in clients and workers: a worker makes dead letters of the larger states that a
    /// client lets through.
    /// </summary>
    /// <value>The default value is 16 MiB.</value>
    [Range(1, 64 * 1024 * 1024)]
    public int MaxStateBytes { get; set; } = CheckpointLimits.DefaultMaxStateBytes;

    /// <summary>States larger than this, in bytes, are compressed (Brotli) when that makes them smaller.</summary>
    /// <value>The default value is <see langword="null"/>: none is.</value>
    [Range(0, int.MaxValue)]
    public int? CompressAboveBytes { get; set; }

    /// <summary>The most saves that may wait in this process.</summary>
    /// <value>The default value is 10,000.</value>
    [Range(1, 10_000_000)]
    public int MaxBufferedItems { get; set; } = 10_000;

    /// <summary>The most bytes that may wait in this process, counting each save's state and 2 KiB; one larger save may wait alone.</summary>
    /// <value>The default value is 256 MiB.</value>
    [Range(1024, 64L * 1024 * 1024 * 1024)]
    public long MaxBufferedBytes { get; set; } = 256L * 1024 * 1024;

    /// <summary>What SaveAsync does when the buffer is full. (TrySave always returns false.)</summary>
    /// <value>The default value is <see cref="BufferFullMode.Wait"/>.</value>
    public BufferFullMode WhenBufferFull { get; set; } = BufferFullMode.Wait;

    /// <summary>The most saves in one message to the worker.</summary>
    /// <value>The default value is 400: of 1 KB each they fit into half a mebibyte, as which the broker's client keeps them.</value>
    [Range(1, 10_000)]
    public int BatchMaxItems { get; set; } = 400;

    /// <summary>The size in bytes at which a message to the worker is full; one larger save travels alone.</summary>
    /// <value>The default value is 1 MiB.</value>
    [Range(1024, 64 * 1024 * 1024)]
    public int BatchMaxBytes { get; set; } = 1024 * 1024;

    /// <summary>The most messages that wait for the broker's confirm at the same time.</summary>
    /// <value>The default value is 4.</value>
    [Range(1, 256)]
    public int MaxConcurrentSends { get; set; } = 4;

    /// <summary>How long Redis keeps a stream once all of it is archived. At most <see cref="TombstoneRetention"/>.</summary>
    /// <value>The default value is <see langword="null"/>: for ever.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "3650.00:00:00")]
    public TimeSpan? CacheTtl { get; set; }

    /// <summary>Reads start <see cref="CacheTtl"/> anew. Without it, only saves do. Needs <see cref="CacheTtl"/>.</summary>
    public bool SlidingCacheTtl { get; set; }

    /// <summary>Redis keeps only the newest so many checkpoints of a stream; older ones are in the archive.</summary>
    /// <value>The default value is <see langword="null"/>: all.</value>
    [Range(1, 10_000_000)]
    public int? MaxCachedPerStream { get; set; }

    /// <summary>
    /// How long Redis remembers a deletion. Longer than the longest time for which a message can be under way, and at least <see cref="CacheTtl"/>.
    /// </summary>
    /// <value>The default value is 7 days.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "3650.00:00:00")]
    public TimeSpan TombstoneRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>What of it concerns a stream in the cache.</summary>
    internal CacheRetention Retention => new(CacheTtl, SlidingCacheTtl, MaxCachedPerStream ?? 0);
}
