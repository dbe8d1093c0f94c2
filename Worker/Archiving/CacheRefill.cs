using System.Collections.Concurrent;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Brings to Redis what it has lost or was not there to take. What goes there is what the archive has, newest first: a
/// save that has been deleted or saved again since does not come back, and the latest is right from the first step on.
/// Doing it again changes nothing.
/// </summary>
internal sealed class CacheRefill(CacheLink cache, ICheckpointArchive archive, IOptions<CheckpointOptions> options, ILogger<CacheRefill> logger)
{
    private const int PageSize = 100;
    private const long PageBytes = 8 * 1024 * 1024;
    private const int ParallelStreams = 8;
    private const int ParallelLooks = 32;

    /// <summary>What Redis has lost: deletions, then for each stream its newest and what is missing.</summary>
    /// <param name="lost">What it has lost. The archive has it, or something newer.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="CheckpointUnavailableException">Redis cannot be reached.</exception>
    public async Task PutBackAsync(IReadOnlyCollection<PendingMark> lost, CancellationToken cancellationToken)
    {
        var count = await BringAsync(lost, ParallelStreams, cancellationToken);
        if (count > 0)
        {
            Log.PutBack(logger, count);
        }
    }

    /// <summary>What Redis lacks, in the same way.</summary>
    /// <param name="lacking">What it lacks. The archive has it, or something newer.</param>
    /// <param name="parallelStreams">How many streams at a time.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>How many checkpoints Redis took.</returns>
    /// <exception cref="CheckpointUnavailableException">Redis cannot be reached.</exception>
    public async Task<int> BringAsync(IReadOnlyCollection<PendingMark> lacking, int parallelStreams, CancellationToken cancellationToken)
    {
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = parallelStreams, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(
            lacking.Where(mark => mark.Kind != PendingKind.Save).GroupBy(mark => mark.Key.ExecutionId),
            parallel,
            async (execution, cancellationToken) =>
            {
                foreach (var deletion in execution.OrderBy(mark => mark.Sequence))
                {
                    await PutBackAsync(deletion.Key, token => PutBackAsync(deletion, token), cancellationToken);
                }
            });
        var count = 0;
        await Parallel.ForEachAsync(
            lacking.Where(mark => mark.Kind == PendingKind.Save).GroupBy(mark => mark.Key with { Id = "" }),
            parallel,
            async (stream, cancellationToken) => Interlocked.Add(ref count, await PutBackAsync(
                stream.Key,
                token => RefillAsync(
                    stream.Key.ExecutionId, stream.Key.Namespace, [.. stream.Select(mark => (mark.Key.Id, mark.Sequence))], stream.MaxBy(mark => mark.Sequence).Policy, token),
                cancellationToken)));
        return count;
    }

    /// <summary>A change of the archive as the mark that Redis would have had for it.</summary>
    /// <param name="change">The change.</param>
    /// <param name="policy">The stream's policy.</param>
    public static PendingMark MarkOf(OutboxChange change, CacheRetention policy) => new(
        !change.IsDeletion ? PendingKind.Save : change.Id is null ? PendingKind.Clear : PendingKind.Delete,
        new CheckpointKey(change.ExecutionId, change.Namespace ?? "", change.Id ?? ""),
        change.Sequence,
        policy);

    /// <summary>
    /// What Redis lacks of some changes: the newest part of each stream that it has, and what it knows in an older version.
    /// A stream that it does not have at all is left to the archive.
    /// </summary>
    /// <param name="changes">The changes, of which the archive has, or is to have, the outcome.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="CheckpointUnavailableException">Redis cannot be reached.</exception>
    public async Task<IReadOnlyCollection<PendingMark>> FindLackingAsync(IEnumerable<OutboxChange> changes, CancellationToken cancellationToken)
    {
        var lacking = new ConcurrentBag<PendingMark>();
        await Parallel.ForEachAsync(
            changes.GroupBy(change => change.ExecutionId),
            new ParallelOptions { MaxDegreeOfParallelism = ParallelLooks, CancellationToken = cancellationToken },
            async (execution, cancellationToken) =>
            {
                try
                {
                    (await FindLackingAsync(execution.Key, [.. execution], cancellationToken)).ForEach(lacking.Add);
                }
                catch (CheckpointFormatException e)
                {
                    // Something else wrote there; the others have nothing to do with it.
                    Log.NotPutBack(logger, new CheckpointKey(execution.Key, "", ""), e);
                }
            });
        return lacking;
    }

    private async Task<List<PendingMark>> FindLackingAsync(string executionId, List<OutboxChange> changes, CancellationToken cancellationToken)
    {
        var known = await cache.CallAsync(
            static (cache, call, cancellationToken) => cache.GetMarksAsync(call.ExecutionId, call.Keys, cancellationToken),
            (ExecutionId: executionId, Keys: changes.ConvertAll(change => (change.Namespace ?? "", change.Id ?? ""))),
            cancellationToken);
        var lacking = new List<PendingMark>();
        foreach (var stream in changes.Zip(known, (change, mark) => (Change: change, Mark: mark))
            .Where(pair => pair.Change.Namespace is null || !(pair.Mark?.Sequence >= pair.Change.Sequence)) // What Redis knows of a clear is not told.
            .GroupBy(pair => pair.Change.Namespace ?? ""))
        {
            lacking.AddRange(stream.Where(pair => pair.Change.IsDeletion).Select(pair => MarkOf(pair.Change, default)));
            var saves = stream.Where(pair => !pair.Change.IsDeletion).ToList();
            if (saves.Count > 0)
            {
                // Below the oldest, more may be gone by the stream's size, and all of it by its time: reads go to the archive
                // there, unless a tombstone says that they need not. A stream that is there has its policy.
                var oldest = await FindOldestAsync(executionId, stream.Key, cancellationToken);
                lacking.AddRange(saves.Where(pair => pair.Mark is not null || pair.Change.Sequence >= oldest)
                    .Select(pair => MarkOf(pair.Change, oldest is null ? options.Value.Retention : default)));
            }
        }

        return lacking;
    }

    private async Task<long?> FindOldestAsync(string executionId, string ns, CancellationToken cancellationToken)
    {
        var page = await cache.CallAsync(
            static (cache, query, cancellationToken) => cache.ListAsync(query, null, 1, cancellationToken),
            new CheckpointQuery { ExecutionId = executionId, Namespace = ns, OldestFirst = true, Limit = 1, IncludeState = false },
            cancellationToken);
        return page.Items is [var oldest, ..] ? oldest.Sequence : null;
    }

    /// <summary>The newest of a stream, and those of its checkpoints that Redis does not have, with what lies between them.</summary>
    private async Task<int> RefillAsync(
        string executionId, string ns, IReadOnlyList<(string Id, long Sequence)> saves, CacheRetention policy, CancellationToken cancellationToken)
    {
        var missing = await MissingAsync(executionId, ns, saves, cancellationToken);
        if (missing.Count == 0)
        {
            return 0;
        }

        var query = new CheckpointQuery { ExecutionId = executionId, Namespace = ns, Limit = 1, IncludeState = false };
        var newest = (await archive.FindAsync(query, null, null, PageBytes, cancellationToken)).Items;
        query = query with { IncludeState = true };
        var taken = 0;
        if ((await MissingAsync(executionId, ns, [.. newest.Select(checkpoint => (checkpoint.Id, checkpoint.Sequence))], cancellationToken)).Count > 0)
        {
            taken += await PutAsync(await archive.FindAsync(query, null, null, PageBytes, cancellationToken), policy, cancellationToken);
        }

        query = query with { Limit = PageSize, AfterSequence = missing.Min() - 1, BeforeSequence = missing.Max() + 1 };
        ListPosition? after = null;
        while (true)
        {
            var page = await archive.FindAsync(query, null, after, PageBytes, cancellationToken);
            taken += await PutAsync(page, policy, cancellationToken);
            if (!page.HasMore || page.Items.Count == 0)
            {
                return taken;
            }

            after = ListPosition.Of(page.Items[^1]);
        }
    }

    /// <summary>The sequences of those that Redis neither has, nor something newer in their place, nor a tombstone for.</summary>
    private async Task<List<long>> MissingAsync(
        string executionId, string ns, IReadOnlyList<(string Id, long Sequence)> saves, CancellationToken cancellationToken)
    {
        var marks = await cache.CallAsync(
            static (cache, call, cancellationToken) => cache.GetMarksAsync(call.ExecutionId, call.Keys, cancellationToken),
            (ExecutionId: executionId, Keys: saves.Select(save => (ns, save.Id)).ToList()),
            cancellationToken);
        return [.. saves.Where((save, i) => !(marks[i]?.Sequence >= save.Sequence)).Select(save => save.Sequence)];
    }

    private async Task<int> PutBackAsync(PendingMark deletion, CancellationToken cancellationToken)
    {
        await cache.CallAsync(
            static (cache, call, cancellationToken) => call.Deletion.Kind == PendingKind.Clear
                ? cache.ClearAsync(call.Deletion.Key.ExecutionId, call.Deletion.Sequence, true, call.Retention, cancellationToken)
                : cache.DeleteAsync(call.Deletion.Key, call.Deletion.Sequence, true, call.Retention, cancellationToken),
            (Deletion: deletion, Retention: options.Value.TombstoneRetention),
            cancellationToken);
        return 0;
    }

    /// <summary>What one of them meets (a key of another type, a damaged row) is not the others' fault.</summary>
    private async Task<int> PutBackAsync(CheckpointKey key, Func<CancellationToken, Task<int>> putBack, CancellationToken stoppingToken)
    {
        try
        {
            return await putBack(stoppingToken);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested && e is not CheckpointUnavailableException && !TransientErrors.IsTransient(e))
        {
            Log.NotPutBack(logger, key, e);
            return 0;
        }
    }

    private async Task<int> PutAsync(ArchivePage page, CacheRetention policy, CancellationToken cancellationToken)
    {
        var taken = 0;
        foreach (var checkpoint in page.Items)
        {
            var put = await cache.CallAsync(
                static (cache, call, cancellationToken) =>
                    cache.PutAsync(CheckpointCodec.Encode(call.Checkpoint), call.Checkpoint.Sequence, call.Policy, false, cancellationToken),
                (Checkpoint: checkpoint, Policy: policy),
                cancellationToken);
            taken += put == CachePut.Taken ? 1 : 0;
        }

        return taken;
    }
}
