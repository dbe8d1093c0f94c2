using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>Looks at what waits, on its own time: a scrape must not wait for Redis or the archive.</summary>
internal sealed class BacklogSampler(
    Backlog backlog,
    StatsHistory history,
    CacheLink cache,
    ICheckpointArchive archive,
    IJobStore store,
    IQueueDepth queue,
    ConsumptionGate gate,
    ConsumptionWatch watch,
    ArchiveState state,
    IHostApplicationLifetime lifetime,
    IOptions<WorkerOptions> options,
    ILogger<BacklogSampler> logger) : IDuty
{
    private static readonly TimeSpan MinTimeout = TimeSpan.FromSeconds(2);

    public string Name => "Backlog sample";

    public TimeSpan Interval => options.Value.SampleInterval;

    /// <summary>What is pending matters most while the archive is away.</summary>
    public bool NeedsArchive => false;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        // Each by itself: one that hangs must not make the others old.
        var server = SampleServerAsync(cancellationToken);
        var pending = SampleCacheAsync(cancellationToken);
        var outbox = SampleArchiveAsync("outbox", archive.GetOutboxStatsAsync, cancellationToken);
        var figures = SampleArchiveAsync("archive", store.GetStatsAsync, cancellationToken);
        var depth = SampleQueueAsync(cancellationToken);
        var queues = await depth;
        if (queues?.Dead is { } dead)
        {
            backlog.SawDeadCommands(dead);
        }

        // Without a broker, saves wait and not messages.
        if (queues is { Waiting: { } ready, Dead: not null })
        {
            backlog.SawReadyCommands(ready);
        }

        watch.Saw(queues?.Waiting, gate.IsOpen);
        if (watch.IsLost && !watch.HasGivenUp)
        {
            watch.GiveUp();
            Log.StoppingToRestart(logger);
            lifetime.StopApplication();
        }

        if (await outbox is { } stats)
        {
            backlog.SawOutbox(stats);
        }

        if (await figures is { } counts)
        {
            backlog.SawDeadLetters(counts.DeadLetters);
        }

        history.Add(await pending, await outbox, queues, await figures);
        await server;
        return 0;
    }

    /// <summary>The first count of the outbox need not wait for the second round.</summary>
    public Task WaitForWorkAsync(CancellationToken cancellationToken) =>
        state.WhenMigrated.IsCompleted ? Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken) : state.WhenMigrated.WaitAsync(cancellationToken);

    private async Task<PendingStats?> SampleCacheAsync(CancellationToken cancellationToken)
    {
        try
        {
            var stats = await cache.CallAsync(static (cache, _, cancellationToken) => cache.GetPendingStatsAsync(cancellationToken), 0, cancellationToken);
            backlog.SawPending(stats);
            return stats;
        }
        catch (CheckpointException e)
        {
            Log.NotSampled(logger, "pending", e);
            return null;
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

    private async Task<T?> SampleArchiveAsync<T>(string name, Func<CancellationToken, Task<T>> sample, CancellationToken cancellationToken)
        where T : struct
    {
        if (!state.WhenMigrated.IsCompletedSuccessfully)
        {
            return null;
        }

        // The query ends too: where each takes longer than the interval, they would become ever more.
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Interval);
        try
        {
            return await sample(timeout.Token).WaitAsync(timeout.Token);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && TransientErrors.IsTransient(e))
        {
            Log.NotSampled(logger, name, e);
            return null;
        }
    }

    private async Task<QueueCounts?> SampleQueueAsync(CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(Interval > MinTimeout ? Interval : MinTimeout);
        try
        {
            return await queue.CountAsync(timeout.Token);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Whatever the broker's client throws: nothing but this figure depends on it.
            Log.NotSampled(logger, "queue", e);
            return null;
        }
    }
}
