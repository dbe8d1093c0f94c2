using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>Looks at what waits, on its own time: a scrape must not wait for Redis or the archive.</summary>
internal sealed class BacklogSampler(
    Backlog backlog, CacheLink cache, ICheckpointArchive archive, ArchiveState state, IOptions<WorkerOptions> options, ILogger<BacklogSampler> logger) : IDuty
{
    public string Name => "Backlog sample";

    public TimeSpan Interval => options.Value.SampleInterval;

    /// <summary>What is pending matters most while the archive is away.</summary>
    public bool NeedsArchive => false;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        // Each by itself: one that hangs must not make the others old.
        await Task.WhenAll(SampleCacheAsync(cancellationToken), SampleServerAsync(cancellationToken), SampleOutboxAsync(cancellationToken));
        return 0;
    }

    /// <summary>The first count of the outbox need not wait for the second round.</summary>
    public Task WaitForWorkAsync(CancellationToken cancellationToken) =>
        state.WhenMigrated.IsCompleted ? Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken) : state.WhenMigrated.WaitAsync(cancellationToken);

    private async Task SampleCacheAsync(CancellationToken cancellationToken)
    {
        try
        {
            backlog.SawPending(await cache.CallAsync(static (cache, _, cancellationToken) => cache.GetPendingStatsAsync(cancellationToken), 0, cancellationToken));
        }
        catch (CheckpointException e)
        {
            Log.NotSampled(logger, "pending", e);
        }
    }

    private async Task SampleServerAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await cache.CallAsync(static (cache, _, cancellationToken) => cache.GetServerStatsAsync(cancellationToken), 0, cancellationToken) is { } stats)
            {
                backlog.SawServer(stats);
            }
        }
        catch (CheckpointException e)
        {
            // Also where an access list of Redis does not let us ask.
            Log.NotSampled(logger, "redis.memory", e);
        }
    }

    private async Task SampleOutboxAsync(CancellationToken cancellationToken)
    {
        if (!state.WhenMigrated.IsCompletedSuccessfully)
        {
            return;
        }

        try
        {
            backlog.SawOutbox(await archive.GetOutboxStatsAsync(cancellationToken).WaitAsync(Interval, cancellationToken));
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && TransientErrors.IsTransient(e))
        {
            Log.NotSampled(logger, "outbox", e);
        }
    }
}
