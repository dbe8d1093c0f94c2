using System.ComponentModel.DataAnnotations;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>The settings of jobs. Configuration section: <c>Jobs</c>.</summary>
public sealed class JobOptions
{
    /// <summary>
    /// The folder that jobs read files from and write files to; nothing outside of it. Where several workers share the
    /// jobs, they have to share the folder too.
    /// </summary>
    /// <value>The default value is <see langword="null"/>: "jobs" below <see cref="WorkerOptions.DataPath"/>.</value>
    public string? Path { get; set; }

    /// <summary>How long a worker keeps a job to itself without a sign of life; that of a killed worker is free after that.</summary>
    /// <value>The default value is 30 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The pause between two looks for a job.</summary>
    /// <value>The default value is 2 seconds.</value>
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How often a job may fail without getting ahead in between. What does not pass by itself is tried three times at most,
    /// or not again.
    /// </summary>
    /// <value>The default value is 20.</value>
    [Range(1, 1000)]
    public int MaxAttempts { get; set; } = 20;

    /// <summary>The most checkpoints between two stored positions.</summary>
    /// <value>The default value is 500.</value>
    [Range(1, 10_000)]
    public int BatchSize { get; set; } = 500;

    /// <summary>The most findings that a job stores; more are only counted.</summary>
    /// <value>The default value is 10,000.</value>
    [Range(1, 1_000_000)]
    public int MaxFindings { get; set; } = 10_000;

    /// <summary>How long ended jobs and their findings are kept.</summary>
    /// <value>The default value is 30 days.</value>
    [Range(typeof(TimeSpan), "00:00:01", "3650.00:00:00")]
    public TimeSpan Keep { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Other stores that jobs may read, by name. They are named here so that no request carries an address or a password.</summary>
    public Dictionary<string, JobSourceOptions> Sources { get; } = new(StringComparer.Ordinal);
}
