using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Retention;

/// <summary>
/// Adds a retention job for every interval that begins; several workers add one between them. While one has not ended there
/// is no second.
/// </summary>
internal sealed class RetentionSchedule(JobStarter starter, IJobStore jobs, IOptions<RetentionOptions> options, TimeProvider time) : IDuty
{
    private const string Kind = "retention";
    private const int MaxListed = 100;
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);
    private long _last = -1;

    public string Name => "Retention schedule";

    public TimeSpan Interval => options.Value.Every is { Ticks: > 0 } every && every < LongestPause ? every : LongestPause;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (options.Value.Every <= TimeSpan.Zero)
        {
            return 0;
        }

        var slot = time.GetUtcNow().Ticks / options.Value.Every.Ticks;
        if (slot == _last || await IsOpenAsync(cancellationToken))
        {
            return 0;
        }

        var limit = options.Value.ItemsPerSecond is > 0 and var rate ? rate : (int?)null;
        await starter.StartAsync(new JobRequest(Kind, ItemsPerSecond: limit, UniqueKey: $"retention:{options.Value.Every.Ticks}:{slot}"), "schedule", cancellationToken);
        _last = slot;
        return 0;
    }

    // By the rules of the configuration, whoever asked for it; one that waits for a later time does not count.
    private async Task<bool> IsOpenAsync(CancellationToken cancellationToken)
    {
        foreach (var state in new[] { JobState.Available, JobState.Running, JobState.Retryable })
        {
            var open = await jobs.ListJobsAsync(state, Kind, null, MaxListed, cancellationToken);
            if (open.Any(job => job.Arguments == "{}" && (state != JobState.Available || job.ScheduledAt <= time.GetUtcNow())))
            {
                return true;
            }
        }

        return false;
    }
}
