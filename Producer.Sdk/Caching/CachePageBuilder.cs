namespace AsyncCheckpoints.Caching;

/// <summary>Fills a page with what matches its query, up to its limit and so many bytes.</summary>
/// <param name="query">The query.</param>
/// <param name="maxBytes">The most bytes; the first checkpoint is taken in any case.</param>
internal sealed class CachePageBuilder(CheckpointQuery query, long maxBytes)
{
    private readonly List<CachedCheckpoint> _items = [];
    private long _bytes;

    /// <summary>Whether nothing more goes in.</summary>
    public bool IsFull { get; private set; }

    /// <summary>The places left.</summary>
    public int Left => query.Limit - _items.Count;

    /// <summary>Takes a checkpoint where it matches.</summary>
    /// <param name="checkpoint">The next in the query's order.</param>
    /// <returns>False when the page is full.</returns>
    public bool TryAdd(CachedCheckpoint checkpoint)
    {
        if (!IsFull && ListFilter.TryMatch(query, checkpoint) is { } match)
        {
            var isOver = _items.Count > 0 && _bytes + match.Record.Length > maxBytes;
            if (!isOver)
            {
                _items.Add(match);
                _bytes += match.Record.Length;
            }

            IsFull = isOver || Left == 0;
        }

        return !IsFull;
    }

    /// <summary>The page.</summary>
    public CachePage Build() => new(_items, IsFull);
}
