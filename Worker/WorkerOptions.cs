using System.ComponentModel.DataAnnotations;

namespace AsyncCheckpoints.Worker;

/// <summary>The worker's settings. Configuration section: <c>Worker</c>.</summary>
public sealed class WorkerOptions
{
    /// <summary>The folder of the embedded archive (SQLite), used while no PostgreSQL connection string is given.</summary>
    /// <value>The default value is "data".</value>
    public string DataPath { get; set; } = "data";

    /// <summary>PostgreSQL's schema for the archive.</summary>
    /// <value>The default value is "checkpoints".</value>
    public string Schema { get; set; } = "checkpoints";

    /// <summary>What the name of every table of the archive starts with: "" or a lower-case identifier of up to 30 characters.</summary>
    /// <value>The default value is "".</value>
    public string TablePrefix { get; set; } = "";

    /// <summary>The most checkpoints in one transaction of the archive.</summary>
    /// <value>The default value is 2,000.</value>
    [Range(1, 50_000)]
    public int BatchMaxItems { get; set; } = 2000;

    /// <summary>The size in bytes at which a transaction is full; one larger message has one of its own.</summary>
    /// <value>The default value is 8 MiB.</value>
    [Range(1024, 256 * 1024 * 1024)]
    public int BatchMaxBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>
    /// How many transactions of the archive run at the same time (PostgreSQL; SQLite has one writer). As many more clear
    /// executions while there are some to clear: one that is large takes minutes.
    /// </summary>
    /// <value>The default value is 2.</value>
    [Range(1, 64)]
    public int Writers { get; set; } = 2;

    /// <summary>The most messages that the broker hands to this worker before the first is archived.</summary>
    /// <value>The default value is 32.</value>
    [Range(1, 10_000)]
    public ushort Prefetch { get; set; } = 32;

    /// <summary>How long the archive may be away before the worker gives its messages back and stops consuming until it takes a write.</summary>
    /// <value>The default value is 30 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:20:00")]
    public TimeSpan PauseAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long messages may wait while none comes to this worker before it reports itself as not alive: its consumer is
    /// lost, and a restart of the process mends it. After twice that it stops its host, for whoever supervises it to start it again.
    /// </summary>
    /// <value>The default value is 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan StallAfter { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The age at which a pending entry in Redis is archived directly: its command must have been lost. Ten times that while
    /// messages wait in the queue: it may be among them.
    /// </summary>
    /// <value>The default value is 30 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan RescueAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The pause between two looks for old pending entries.</summary>
    /// <value>The default value is 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan RescueInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The pause between two looks into the outbox while nothing wakes its delivery.</summary>
    /// <value>The default value is 5 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan OutboxInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a worker keeps outbox entries to itself; those of a killed worker are free after that.</summary>
    /// <value>The default value is 30 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan OutboxLease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The pause between two rounds of removing what has served.</summary>
    /// <value>The default value is 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan PurgeInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The pause between two looks at what is pending, in the outbox and in Redis's memory, for the metrics.</summary>
    /// <value>The default value is 10 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan SampleInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the inbox remembers a command. Longer than the longest redelivery.</summary>
    /// <value>The default value is 7 days.</value>
    [Range(typeof(TimeSpan), "00:00:01", "3650.00:00:00")]
    public TimeSpan InboxRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How long delivered outbox entries are kept.</summary>
    /// <value>The default value is 1 day.</value>
    [Range(typeof(TimeSpan), "00:00:01", "3650.00:00:00")]
    public TimeSpan OutboxRetention { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long the archive remembers a deletion. Longer than the longest redelivery, spool and replay.</summary>
    /// <value>The default value is 30 days.</value>
    [Range(typeof(TimeSpan), "00:00:01", "3650.00:00:00")]
    public TimeSpan TombstoneRetention { get; set; } = TimeSpan.FromDays(30);
}
