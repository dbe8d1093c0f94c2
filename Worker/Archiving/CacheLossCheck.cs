using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Redis may come back without its last writes: after a crash between two syncs of its file, as a replica that was behind,
/// or from a copy. So the worker leaves the archive's time in it: a watermark, which is lost with the writes around it and
/// then says how far Redis has gone back. When it is not what it was, after each loss of a connection, and when a worker
/// starts (from the newest that any worker left), what the archive took since the watermark is compared with Redis: an older
/// latest, older versions, holes and what should be deleted are put right. What is not archived yet is noticed when its
/// pending mark is removed.
/// </summary>
internal sealed class CacheLossCheck(
    CacheLink link,
    ICheckpointCache cache,
    CacheRefill refill,
    PendingSettler settler,
    ICheckpointArchive archive,
    IOptions<WorkerOptions> workerOptions,
    TimeProvider time,
    ILogger<CacheLossCheck> logger) : IDuty
{
    private const int PageSize = 32;
    private const int TombstonePageSize = 10_000;

    // For a database that fails over to a clock that is behind, and for what is put back a moment after its commit.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    // One that is not moved for long is taken for that of a worker of the past.
    private static readonly TimeSpan MaxRest = TimeSpan.FromHours(12);

    // A look is a call to each shard.
    private static readonly TimeSpan RestingInterval = TimeSpan.FromSeconds(30);

    private readonly string _owner = Guid.CreateVersion7().ToString("N");

    // By shard; 0: none yet. A shard that holds something foreign is not among them any more.
    private readonly Dictionary<int, long> _watermarks = Enumerable.Range(0, cache.ShardCount).ToDictionary(shard => shard, _ => 0L);
    private int _interruptions;
    private long _newestChange;
    private long? _first;
    private long _before;
    private long _last;
    private DateTimeOffset _lookedAt;

    public string Name => "Check of Redis";

    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(2);

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CheckAsync(cancellationToken);
        }
        catch (CheckpointUnavailableException)
        {
            // Redis's own log says so. The next round begins anew.
        }

        return 0;
    }

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        var interruptions = cache.Interruptions;
        var (clock, newestChange) = await archive.GetClockAsync(cancellationToken);
        var now = CheckpointCodec.ToMicroseconds(clock);
        if (_first is null || interruptions != _interruptions)
        {
            // What was written since the watermarks were moved last may be gone without them, or they were moved just after.
            await CatchUpAsync(_watermarks, _first is null ? long.MaxValue : _before, now, interruptions, cancellationToken);
            return;
        }

        var isResting = newestChange == _newestChange && CheckpointCodec.FromMicroseconds(_last) > clock - MaxRest;
        if (isResting && clock - _lookedAt < RestingInterval && clock >= _lookedAt)
        {
            return;
        }

        _lookedAt = clock;
        long? to = isResting || settler.Behind > Margin / 2 ? null : now;
        var elsewhere = await MoveAsync(_watermarks, to, cancellationToken);
        if (to is not null)
        {
            (_before, _last, _newestChange) = (_last, now, newestChange);
        }

        await CatchUpAsync(elsewhere, long.MaxValue, now, interruptions, cancellationToken);
    }

    private async Task CatchUpAsync(Dictionary<int, long> shards, long atMost, long now, int interruptions, CancellationToken cancellationToken)
    {
        var (found, since, behind) = (new Dictionary<int, long>(), atMost, 0);
        foreach (var (shard, expected) in shards.ToList())
        {
            IReadOnlyDictionary<string, long> marks;
            try
            {
                marks = await link.CallAsync(
                    static (cache, shard, cancellationToken) => cache.GetWatermarksAsync(shard, cancellationToken), shard, cancellationToken);
            }
            catch (CheckpointFormatException e)
            {
                Forget(shard, e);
                continue;
            }

            found[shard] = marks.GetValueOrDefault(_owner);
            behind += found[shard] < expected ? 1 : 0;

            // Where Redis is from before this worker's first, others may have moved theirs since. Where there is none, it is new.
            since = Math.Min(since, found[shard] > 0 ? found[shard] : marks.Values.Where(mark => !(mark >= _first)).DefaultIfEmpty(now).Max());
        }

        if (found.Count == 0)
        {
            return;
        }

        var from = CheckpointCodec.FromMicroseconds(since) - Margin;
        if (behind > 0)
        {
            Log.RedisIsBehind(logger, behind, from);
        }

        if (from < CheckpointCodec.FromMicroseconds(now) - workerOptions.Value.OutboxRetention
            && await archive.GetNewestArrivalAsync(cancellationToken) > from + (2 * Margin))
        {
            Log.RedisIsTooOld(logger, from);
        }

        await CompareAsync(from, interruptions, cancellationToken);
        if (cache.Interruptions == interruptions)
        {
            await MoveAsync(found, now, cancellationToken);
            (_before, _last, _first) = (since, now, _first ?? now);
            _interruptions = interruptions;
        }
    }

    /// <summary>Moves watermarks.</summary>
    /// <returns>Those that were somewhere else.</returns>
    private async Task<Dictionary<int, long>> MoveAsync(Dictionary<int, long> from, long? to, CancellationToken cancellationToken)
    {
        var elsewhere = new Dictionary<int, long>();
        CheckpointUnavailableException? unavailable = null;
        var calls = from.Select(shard => (Shard: shard.Key, From: shard.Value, IsMoved: link.CallAsync(
            static (cache, call, cancellationToken) => cache.TryMoveWatermarkAsync(call.Shard, call.Owner, call.From, call.To, cancellationToken),
            (Shard: shard.Key, Owner: _owner, From: shard.Value, To: to),
            cancellationToken))).ToList();
        foreach (var (shard, value, isMoved) in calls)
        {
            try
            {
                if (!await isMoved)
                {
                    elsewhere[shard] = value;
                }
                else if (to is { } moved)
                {
                    _watermarks[shard] = moved;
                }
            }
            catch (CheckpointFormatException e)
            {
                Forget(shard, e);
            }
            catch (CheckpointUnavailableException e)
            {
                unavailable = e;
            }
        }

        return unavailable is null ? elsewhere : throw unavailable;
    }

    private void Forget(int shard, Exception exception)
    {
        Log.NoWatermark(logger, shard, exception);
        _watermarks.Remove(shard);
    }

    private async Task CompareAsync(DateTimeOffset since, int interruptions, CancellationToken cancellationToken)
    {
        Tombstone? after = null;
        while (await archive.ListTombstonesSinceAsync(since, after, TombstonePageSize, cancellationToken) is { Count: > 0 } tombstones)
        {
            await PutBackAsync(tombstones.Select(CommitPlan.ChangeOf), interruptions, cancellationToken);
            after = tombstones[^1];
        }

        // Rows are dated by the beginning of their transaction: one may be older than those behind it.
        long? before = null;
        while (await archive.ListChangesAsync(before, PageSize, cancellationToken) is { Count: > 0 } rows && rows.Any(row => row.CreatedAt >= since))
        {
            await PutBackAsync(rows.Where(row => row.CreatedAt >= since).SelectMany(row => row.Changes), interruptions, cancellationToken);
            before = rows[^1].Id;
        }

        before = null;
        while (await archive.ListRepairsSinceAsync(since, before, PageSize, cancellationToken) is { Count: > 0 } repairs)
        {
            await PutBackAsync(repairs.SelectMany(row => row.Changes), interruptions, cancellationToken);
            before = repairs[^1].Id;
        }
    }

    /// <summary>Until it is done: to begin anew because of one call would take as long again, and may meet another.</summary>
    private async Task PutBackAsync(IEnumerable<OutboxChange> changes, int interruptions, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await PutBackAsync(changes, cancellationToken);
                return;
            }
            catch (CheckpointUnavailableException) when (cache.Interruptions == interruptions)
            {
                await Task.Delay(Interval, time, cancellationToken);
            }
        }
    }

    /// <summary>Puts back what Redis lacks. It has no tombstones of a namespace.</summary>
    private async Task PutBackAsync(IEnumerable<OutboxChange> changes, CancellationToken cancellationToken)
    {
        var known = changes.Where(change => !change.IsDeletion || (change.Namespace is null) == (change.Id is null));
        await refill.PutBackAsync(await refill.FindLackingAsync(known, cancellationToken), cancellationToken);
    }
}
