using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Saving;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Reading;

/// <summary>
/// Redis first, then the archive through the worker. What Redis marks as deleted or replaced is dropped from the
/// archive's answers, which may be behind; and what this process has deleted without Redis, from both sides.
/// </summary>
internal sealed partial class CheckpointReader(
    CacheLink cache, CommandTransport transport, UncachedStreams uncached, IOptions<CheckpointOptions> options)
{
    private readonly CheckpointOptions _options = options.Value;

    /// <summary>One checkpoint.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="includeState">Whether its state is needed.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    public async Task<Checkpoint?> LoadAsync(CheckpointKey key, bool includeState, CancellationToken cancellationToken)
    {
        var (checkpoint, isReplaced) = await FindAsync(key, includeState, cancellationToken);

        // Saved again between the two looks: Redis has that version now.
        return isReplaced ? (await FindAsync(key, includeState, cancellationToken)).Checkpoint : checkpoint;
    }

    /// <summary>The newest checkpoint of a stream; one found in the archive is put into Redis.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    public async Task<Checkpoint?> LoadLatestAsync(string executionId, string ns, CancellationToken cancellationToken)
    {
        var (checkpoint, isReplaced) = await FindLatestAsync(executionId, ns, cancellationToken);
        return isReplaced ? (await FindLatestAsync(executionId, ns, cancellationToken)).Checkpoint : checkpoint;
    }

    private async Task<(Checkpoint? Checkpoint, bool IsReplaced)> FindAsync(CheckpointKey key, bool includeState, CancellationToken cancellationToken)
    {
        var read = await TryCacheAsync(static (cache, key, cancellationToken) => cache.LoadAsync(key, cancellationToken), key, cancellationToken);
        var isBehind = uncached.IsCacheBehind(key, read is { Status: CacheReadStatus.Found, Checkpoint.Sequence: var version } ? version : 0);
        if (read is { Status: CacheReadStatus.Found, Checkpoint.Sequence: var sequence } && uncached.IsDeleted(key, sequence))
        {
            // Only the archive may have something newer.
            read = default(CacheRead);
        }

        if (read is { Status: CacheReadStatus.Found, Checkpoint: var found } && !isBehind)
        {
            return (Decode(found.Record, found.Sequence), false);
        }

        if (read is { Status: CacheReadStatus.Deleted } && !isBehind)
        {
            return default;
        }

        var query = new CheckpointQuery { ExecutionId = key.ExecutionId, Namespace = key.Namespace, Limit = 1, IncludeState = includeState };
        var (items, _) = await FindAsync(query, key.Id, null, cancellationToken);
        var (left, replacedBy) = await WithoutDeletedAsync(query.ExecutionId, items, read is null, cancellationToken);
        var archived = left.FirstOrDefault();
        if (read is { Status: CacheReadStatus.Found, Checkpoint: var cached } && (archived is null || archived.Sequence < cached.Sequence))
        {
            return (Decode(cached.Record, cached.Sequence), replacedBy > cached.Sequence);
        }

        return (archived ?? (read is null ? throw NotKnown() : null), replacedBy > 0);
    }

    private async Task<(Checkpoint? Checkpoint, bool IsReplaced)> FindLatestAsync(string executionId, string ns, CancellationToken cancellationToken)
    {
        var read = await TryCacheAsync(
            static (cache, stream, cancellationToken) => cache.LoadLatestAsync(stream.ExecutionId, stream.Namespace, cancellationToken),
            (ExecutionId: executionId, Namespace: ns),
            cancellationToken);
        var cached = read is { Status: CacheReadStatus.Found, Checkpoint: var found } ? Decode(found.Record, found.Sequence) : null;
        if (cached is not null && uncached.IsDeleted(cached.Key, cached.Sequence))
        {
            return (await FindLatestByListingAsync(executionId, ns, cancellationToken), false);
        }

        if (cached is not null && !uncached.IsCacheBehind(executionId, ns, cached.Sequence))
        {
            return (cached, false);
        }

        var (archived, replacedBy) = await FindLatestInArchiveAsync(executionId, ns, read is null, cancellationToken);
        if (cached is not null && (archived is null || archived.Sequence <= cached.Sequence))
        {
            return (cached, replacedBy > cached.Sequence);
        }

        if (archived is not null && read is not null)
        {
            await WarmAsync(archived, cancellationToken);
        }

        return (archived ?? (read is null ? throw NotKnown() : null), replacedBy > 0);
    }

    /// <summary>Redis has not heard of the deletion of its latest yet: of what both sides have, the newest that is left.</summary>
    private async Task<Checkpoint?> FindLatestByListingAsync(string executionId, string ns, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery
        {
            ExecutionId = executionId,
            Namespace = ns,
            Limit = 20,
            AfterSequence = uncached.DeletionOf(new CheckpointKey(executionId, ""))?.Sequence,
        };
        while (true)
        {
            var page = await ListAsync(query, cancellationToken);
            if (page.Items.Count > 0 || page.ContinuationToken is null)
            {
                return page.Items is [var latest, ..] ? latest : null;
            }

            query = query with { ContinuationToken = page.ContinuationToken };
        }
    }

    private async Task<(Checkpoint? Checkpoint, long ReplacedBy)> FindLatestInArchiveAsync(
        string executionId, string ns, bool isCacheDown, CancellationToken cancellationToken)
    {
        // Usually the first is it; more are asked for only when Redis knows that it is deleted.
        var query = new CheckpointQuery { ExecutionId = executionId, Namespace = ns, Limit = 1 };
        ListPosition? after = null;
        var replacedBy = 0L;
        while (true)
        {
            var (items, hasMore) = await FindAsync(query, null, after, cancellationToken);
            if (items.Count == 0)
            {
                return (null, replacedBy);
            }

            var (left, by) = await WithoutDeletedAsync(executionId, items, isCacheDown, cancellationToken);
            replacedBy = Math.Max(replacedBy, by);
            if (left.Count > 0 || !hasMore)
            {
                return (left.FirstOrDefault(), replacedBy);
            }

            after = ListPosition.Of(items[^1]);
            query = query with { Limit = 20 };
        }
    }

    private async Task WarmAsync(Checkpoint checkpoint, CancellationToken cancellationToken)
    {
        try
        {
            await cache.CallAsync(
                static (cache, call, cancellationToken) =>
                    cache.PutAsync(CheckpointCodec.Encode(call.Checkpoint), call.Checkpoint.Sequence, call.Retention, false, cancellationToken),
                (Checkpoint: checkpoint, _options.Retention),
                cancellationToken);
        }
        catch (CheckpointUnavailableException)
        {
            // The read has its answer; the next one tries again.
        }
    }

    /// <summary>Null when the cache is away and reads may go on without it.</summary>
    private async ValueTask<T?> TryCacheAsync<TState, T>(
        Func<ICheckpointCache, TState, CancellationToken, Task<T>> call, TState state, CancellationToken cancellationToken)
        where T : struct
    {
        try
        {
            return await cache.CallAsync(call, state, cancellationToken);
        }
        catch (CheckpointUnavailableException) when (_options.AllowStaleReads)
        {
            return null;
        }
    }

    private static CheckpointUnavailableException NotKnown() => new(
        "The archive has no such checkpoint, but Redis, which may have it, cannot be reached.", "Check that Redis is running.");

    private async Task<(List<Checkpoint> Items, bool HasMore)> FindAsync(
        CheckpointQuery query, string? id, ListPosition? after, CancellationToken cancellationToken)
    {
        var found = await transport.FindAsync(ArchiveRequests.Create(query, id, after), cancellationToken);
        var items = new List<Checkpoint>(found.Items.Count);
        foreach (var item in found.Items)
        {
            items.Add(query.IncludeState
                ? Decode(item.Record.Memory, item.Sequence)
                : CheckpointCodec.DecodeHeader(CheckpointCodec.Parse(item.Record.Memory), item.Sequence, _options.MaxStateBytes));
        }

        return (items, found.HasMore);
    }

    /// <summary>
    /// Drops what Redis knows to be deleted, or to have been saved again since, and what this process has deleted; with the
    /// highest sequence of a save that replaced one.
    /// </summary>
    private async Task<(List<Checkpoint> Left, long ReplacedBy)> WithoutDeletedAsync(
        string executionId, List<Checkpoint> archived, bool isCacheDown, CancellationToken cancellationToken)
    {
        archived = archived.FindAll(item => !uncached.IsDeleted(item.Key, item.Sequence));
        if (archived.Count == 0 || isCacheDown)
        {
            return (archived, 0);
        }

        var marks = await cache.CallAsync(
            static (cache, call, cancellationToken) => cache.GetMarksAsync(call.ExecutionId, call.Keys, cancellationToken),
            (ExecutionId: executionId, Keys: (IReadOnlyList<(string, string)>)archived.ConvertAll(item => (item.Namespace, item.Id))),
            cancellationToken);
        var left = new List<Checkpoint>(archived.Count);
        var replacedBy = 0L;
        for (var i = 0; i < archived.Count; i++)
        {
            if (marks[i] is not { } mark || mark.Sequence < archived[i].Sequence || (mark.Sequence == archived[i].Sequence && !mark.IsTombstone))
            {
                left.Add(archived[i]);
            }
            else if (!mark.IsTombstone)
            {
                replacedBy = Math.Max(replacedBy, mark.Sequence);
            }
        }

        return (left, replacedBy);
    }

    private Checkpoint Decode(ReadOnlyMemory<byte> record, long sequence) => CheckpointCodec.Decode(record, sequence, _options.MaxStateBytes);
}
