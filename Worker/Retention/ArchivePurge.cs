using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Retention;

/// <summary>Removes what has served: old inbox rows, delivered outbox rows, tombstones that nothing late can meet, ended jobs.</summary>
internal sealed class ArchivePurge(
    ICheckpointArchive archive, IJobStore jobs, IOptions<WorkerOptions> options, IOptions<JobOptions> jobOptions) : IDuty
{
    private const int BatchSize = 1000;

    public string Name => "Purge";

    public TimeSpan Interval => options.Value.PurgeInterval;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        // Beside each other: one that fails skips none.
        var rows = archive.PurgeAsync(
            new PurgeLimits(options.Value.InboxRetention, options.Value.OutboxRetention, options.Value.TombstoneRetention, BatchSize),
            cancellationToken);
        var ended = jobs.PurgeJobsAsync(jobOptions.Value.Keep, BatchSize, cancellationToken);
        await Task.WhenAll(rows, ended);
        var (inbox, outbox, tombstones) = await rows;
        return inbox + outbox + tombstones + await ended;
    }
}
