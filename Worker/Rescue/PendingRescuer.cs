using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Rescue;

/// <summary>
/// Archives what has been pending in Redis for too long: its application died before the broker had the command, or the
/// broker is away. It goes to the archive directly, with its old sequence, so a command that comes after all changes
/// nothing. One worker a shard at a time, by lease; should the lease end too early, two of them do the same.
/// </summary>
internal sealed class PendingRescuer(
    CacheLink cache,
    CommandReader reader,
    ArchiveWriter writer,
    PendingSettler settler,
    ConsumptionWatch watch,
    WorkerMetrics metrics,
    IOptions<WorkerOptions> options,
    ILogger<PendingRescuer> logger) : IDuty
{
    private const int PageSize = 200;

    // What is late is most likely still on the queue while that is not empty; to archive it twice would make it later.
    private const int PatienceWithTheQueue = 10;
    private static readonly TimeSpan MinPatience = TimeSpan.FromSeconds(5);
    private readonly string _owner = Guid.CreateVersion7().ToString("N");

    public string Name => "Rescue";

    public TimeSpan Interval => options.Value.RescueInterval;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var rescued = 0;
        foreach (var (shard, madeBefore) in await FindShardsAsync(cancellationToken))
        {
            try
            {
                rescued += await RescueShardAsync(shard, madeBefore, cancellationToken);
            }
            catch (CheckpointFormatException e)
            {
                // Something else wrote into this shard; the others have nothing to do with it.
                Log.ShardFailed(logger, shard, e);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested && !TransientErrors.IsTransient(e))
            {
                // What the archive refuses in one shard is not the others' fault.
                Log.ShardRefused(logger, shard, e);
            }
        }

        if (rescued > 0)
        {
            metrics.Rescued(rescued);
            Log.Rescued(logger, rescued);
        }

        return rescued;
    }

    private async Task<IReadOnlyList<(int Shard, DateTimeOffset MadeBefore)>> FindShardsAsync(CancellationToken cancellationToken)
    {
        try
        {
            var now = await cache.CallAsync(static (cache, _, cancellationToken) => cache.GetTimeAsync(cancellationToken), 0, cancellationToken);
            var madeBefore = now - (options.Value.RescueAfter * (watch.Waiting > 0 ? PatienceWithTheQueue : 1));
            var shards = await cache.CallAsync(
                static (cache, madeBefore, cancellationToken) => cache.ListPendingShardsAsync(madeBefore, cancellationToken), madeBefore, cancellationToken);
            return [.. shards.Select(shard => (shard, madeBefore))];
        }
        catch (CheckpointUnavailableException)
        {
            return []; // Nothing can be read; the cache's own log says so.
        }
    }

    private async Task<int> RescueShardAsync(int shard, DateTimeOffset madeBefore, CancellationToken cancellationToken)
    {
        var rescued = 0;
        PendingMark? first = null;
        while (true)
        {
            var entries = await cache.CallAsync(
                static (cache, call, cancellationToken) => cache.ListPendingAsync(call.Shard, call.MadeBefore, PageSize, cancellationToken),
                (Shard: shard, MadeBefore: madeBefore),
                cancellationToken);
            if (entries.Count == 0 || entries[0].Mark == first || !await TryLeaseAsync(shard, cancellationToken))
            {
                return rescued;
            }

            first = entries[0].Mark;

            var commands = reader.Read(entries);

            // What is settled twice looks lost. The writer would do it in the background; here it must be done before the next look.
            if (!await TryWriteAsync(commands with { Marks = [] }, cancellationToken))
            {
                Log.ShardWaits(logger, shard);
                return rescued;
            }

            await settler.SettleAsync(commands.Marks, cancellationToken);
            rescued += commands.Marks.Count;
        }
    }

    /// <summary>No longer than the lease: what the archive does not take shall not hold up the other shards.</summary>
    private async Task<bool> TryWriteAsync(IncomingCommands commands, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(options.Value.RescueAfter > MinPatience ? options.Value.RescueAfter : MinPatience);
        try
        {
            await writer.WriteAsync(commands, patience.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async ValueTask<bool> TryLeaseAsync(int shard, CancellationToken cancellationToken) => await cache.CallAsync(
        static (cache, call, cancellationToken) => cache.TryLeaseAsync($"rescue-{call.Shard}", call.Owner, call.Lease, cancellationToken),
        (Shard: shard, Owner: _owner, Lease: options.Value.RescueAfter),
        cancellationToken);
}
