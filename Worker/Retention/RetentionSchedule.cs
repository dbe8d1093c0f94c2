using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Jobs;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Retention;

/// <summary>Adds a retention job for every interval that begins; several workers add one between them.</summary>
internal sealed class RetentionSchedule(JobStarter starter, IOptions<RetentionOptions> options, TimeProvider time) : IDuty
{
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
        if (slot == _last)
        {
            return 0;
        }

        var limit = options.Value.ItemsPerSecond is > 0 and var rate ? rate : (int?)null;
        await starter.StartAsync(new JobRequest("retention", ItemsPerSecond: limit, UniqueKey: $"retention:{options.Value.Every.Ticks}:{slot}"), "schedule", cancellationToken);
        _last = slot;
        return 0;
    }
}
