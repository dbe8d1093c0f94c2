using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Reading;

/// <summary>Listings: the union of Redis and archive.</summary>
internal sealed partial class CheckpointReader
{
    // As much as an answer of the archive has.
    private const long MaxPageBytes = 16 * 1024 * 1024;

    /// <summary>One page of an execution's checkpoints.</summary>
    /// <param name="query">What to list.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    public async Task<CheckpointPage> ListAsync(CheckpointQuery query, CancellationToken cancellationToken)
    {
        ListPosition? after = query.ContinuationToken is { } token ? ListPosition.FromToken(token) : null;
        var page = await ListCacheAsync(query, after, cancellationToken);
        var cached = page?.Items;
        var cacheEnd = page?.End;

        // A stream's cached part is its newest: a page that Redis can fill from there needs no archive.
        var isNewestOfOneStream = query is { Namespace: { } ns, OldestFirst: false }
            && !uncached.IsCacheBehind(query.ExecutionId, ns, cached is [var first, ..] ? first.Sequence : 0);
        if (cacheEnd is { } end && isNewestOfOneStream)
        {
            return new CheckpointPage(cached!, end.ToToken());
        }

        var (found, hasMore) = await FindAsync(query, null, after, cancellationToken);
        var (archived, _) = await WithoutDeletedAsync(query.ExecutionId, found, cached is null, cancellationToken);
        return Merge(query, cached ?? [], archived, cacheEnd, hasMore && found.Count > 0 ? ListPosition.Of(found[^1]) : null);
    }

    /// <summary>One page of executions.</summary>
    /// <param name="prefix">What their ids start with.</param>
    /// <param name="contains">What they have in them.</param>
    /// <param name="limit">The most ids.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="cancellationToken">Stops the read.</param>
    public async Task<ExecutionPage> ListExecutionsAsync(string prefix, string contains, int limit, string? after, CancellationToken cancellationToken)
    {
        var listed = await ListCachedExecutionsAsync(prefix, contains, limit, after, cancellationToken);
        var (cached, cacheEnd) = listed ?? new ExecutionHits([], null);
        var found = await transport.FindAsync(
            new FindExecutions { SchemaVersion = WireFormat.SchemaVersion, Prefix = prefix, Contains = contains, After = after ?? "", Limit = limit },
            cancellationToken);
        var archiveEnd = !found.HasMore ? null : found.LookedUpTo.Length > 0 ? found.LookedUpTo : found.ExecutionIds.LastOrDefault();

        // A worker of before there was such a search has answered by prefix.
        var hits = found.ExecutionIds.Where(id => id.Contains(contains, StringComparison.Ordinal));
        List<string> archived = [.. hits.Except(cached)];
        if (listed is not null)
        {
            archived = await WithoutClearedAsync(archived, cancellationToken);
        }

        // Each side is complete only up to its end.
        var end = Earlier(cacheEnd, archiveEnd);
        var ids = (await WithoutOwnClearedAsync([.. cached, .. archived], cancellationToken))
            .Where(id => end is null || ListPosition.CompareUtf8(id, end) <= 0)
            .Order(Comparer<string>.Create(ListPosition.CompareUtf8))
            .ToList();
        var page = ids.Take(limit).ToList();
        return new ExecutionPage(page, ids.Count > limit ? page[^1] : end);

        static string? Earlier(string? a, string? b) => a is null || (b is not null && ListPosition.CompareUtf8(b, a) < 0) ? b : a;
    }

    /// <summary>Null when the cache is away and reads may go on without it.</summary>
    private async Task<ExecutionHits?> ListCachedExecutionsAsync(
        string prefix, string contains, int limit, string? after, CancellationToken cancellationToken)
    {
        try
        {
            if (contains.Length > 0)
            {
                return await ExecutionSearch.FindAsync(PageAsync, contains, after, limit);
            }

            var page = await PageAsync(after, limit);
            return new ExecutionHits(page, page.Count >= limit ? page[^1] : null);
        }
        catch (CheckpointUnavailableException) when (_options.AllowStaleReads)
        {
            return null;
        }

        async Task<IReadOnlyList<string>> PageAsync(string? after, int limit) => await cache.CallAsync(
            static (cache, call, cancellationToken) => cache.ListExecutionsAsync(call.Prefix, call.After, call.Limit, cancellationToken),
            (Prefix: prefix, After: after, Limit: limit),
            cancellationToken);
    }

    /// <summary>Null when the cache is away and reads may go on without it. With an end: more may follow behind it.</summary>
    private async Task<(List<Checkpoint> Items, ListPosition? End)?> ListCacheAsync(
        CheckpointQuery query, ListPosition? after, CancellationToken cancellationToken)
    {
        CachePage page;
        try
        {
            page = await cache.CallAsync(
                static (cache, call, cancellationToken) => cache.ListAsync(call.Query, call.After, MaxPageBytes, cancellationToken),
                (Query: query, After: after),
                cancellationToken);
        }
        catch (CheckpointUnavailableException) when (_options.AllowStaleReads)
        {
            return null;
        }

        // A record may be compressed: the states count too.
        var items = new List<Checkpoint>(page.Items.Count);
        ListPosition? last = null;
        var bytes = 0L;
        foreach (var item in page.Items)
        {
            var checkpoint = query.IncludeState
                ? Decode(item.Record, item.Sequence)
                : CheckpointCodec.DecodeHeader(CheckpointCodec.Parse(item.Record), item.Sequence, _options.MaxStateBytes);
            bytes += checkpoint.State.Length;
            if (bytes > MaxPageBytes && last is not null)
            {
                return (items, last);
            }

            last = ListPosition.Of(checkpoint);
            if (!uncached.IsDeleted(checkpoint.Key, checkpoint.Sequence))
            {
                items.Add(checkpoint);
            }
        }

        return (items, page.HasMore ? last : null);
    }

    /// <summary>Joins both sides by key. Each is complete only up to its end, so the page ends there at the latest.</summary>
    private static CheckpointPage Merge(
        CheckpointQuery query, List<Checkpoint> cached, List<Checkpoint> archived, ListPosition? cacheEnd, ListPosition? archiveEnd)
    {
        var direction = query.OldestFirst ? 1 : -1;
        var end = cacheEnd is null || (archiveEnd is { } a && cacheEnd is { } c && direction * a.CompareTo(c) < 0) ? archiveEnd : cacheEnd;
        var items = cached.Concat(archived)
            .GroupBy(item => item.Key)
            .Select(versions => versions.MaxBy(item => item.Sequence)!)
            .Where(item => end is not { } last || direction * ListPosition.Of(item).CompareTo(last) <= 0)
            .ToList();
        items.Sort((x, y) => direction * ListPosition.Of(x).CompareTo(ListPosition.Of(y)));
        if (items.Count > query.Limit)
        {
            items.RemoveRange(query.Limit, items.Count - query.Limit);
            end = ListPosition.Of(items[^1]);
        }

        return new CheckpointPage(items, end?.ToToken());
    }

    /// <summary>
    /// Drops executions that Redis knows to be cleared and the archive still has. Rare: the worker is a moment behind.
    /// </summary>
    private async Task<List<string>> WithoutClearedAsync(List<string> archived, CancellationToken cancellationToken)
    {
        var clears = await Task.WhenAll(archived.Select(id => cache.CallAsync(
            static (cache, id, cancellationToken) => cache.GetClearAsync(id, cancellationToken), id, cancellationToken)));
        var left = new List<string>(archived.Count);
        for (var i = 0; i < archived.Count; i++)
        {
            if (clears[i] is not { } clear || ((await FindAnyAsync(archived[i], cancellationToken)) is { } newest && newest > clear))
            {
                left.Add(archived[i]);
            }
        }

        return left;
    }

    /// <summary>Drops executions that this process has cleared while Redis was away, and in which nothing has been saved since.</summary>
    private async Task<List<string>> WithoutOwnClearedAsync(List<string> ids, CancellationToken cancellationToken)
    {
        var left = new List<string>(ids.Count);
        foreach (var id in ids)
        {
            if (uncached.DeletionOf(new CheckpointKey(id, "")) is not { } clear || await HasAnyAsync(id, clear.Sequence, cancellationToken))
            {
                left.Add(id);
            }
        }

        return left;
    }

    private async Task<bool> HasAnyAsync(string executionId, long afterSequence, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery { ExecutionId = executionId, Namespace = null, AfterSequence = afterSequence, Limit = 1, IncludeState = false };
        CheckpointPage page;
        do
        {
            page = await ListAsync(query, cancellationToken);
            query = query with { ContinuationToken = page.ContinuationToken };
        }
        while (page.Items.Count == 0 && page.ContinuationToken is not null);
        return page.Items.Count > 0;
    }

    private async Task<long?> FindAnyAsync(string executionId, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery { ExecutionId = executionId, Namespace = null, Limit = 1, IncludeState = false };
        var (items, _) = await FindAsync(query, null, null, cancellationToken);
        return items.FirstOrDefault()?.Sequence;
    }
}
