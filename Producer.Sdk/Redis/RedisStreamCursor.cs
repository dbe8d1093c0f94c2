using AsyncCheckpoints.Contracts;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>One stream's index in a listing, read in parts. Used by one caller at a time.</summary>
internal sealed class RedisStreamCursor(
    RedisConnection redis, RedisLayout layout, int shard, CheckpointQuery query, string ns, ListPosition? after, int chunk)
{
    private readonly RedisKey _index = layout.StreamKey(shard, 'z', query.ExecutionId, ns);
    private SortedSetEntry[] _part = [];
    private int _next;
    private bool _isEnd;
    private ListPosition? _edge = after;
    private ListPosition? _edgeOfPart;
    private int _offset;

    /// <summary>The stream's hash.</summary>
    public RedisKey Hash { get; } = layout.StreamKey(shard, 'h', query.ExecutionId, ns);

    /// <summary>Where the cursor stands; null behind the end.</summary>
    public ListPosition? Current { get; private set; }

    /// <summary>Goes to the next place behind the one before, or behind the page's start.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task MoveNextAsync(CancellationToken cancellationToken)
    {
        Current = null;
        while (_next < _part.Length || (!_isEnd && await FillAsync(cancellationToken)))
        {
            var entry = _part[_next++];
            var position = new ListPosition((long)entry.Score, ns, (string)entry.Element!);

            // Those of the edge's own sequence are in the range.
            if (_edge is not { } edge || (query.OldestFirst ? position.CompareTo(edge) > 0 : position.CompareTo(edge) < 0))
            {
                Current = _edge = position;
                return;
            }
        }
    }

    private async Task<bool> FillAsync(CancellationToken cancellationToken)
    {
        var low = query.AfterSequence is { } a ? a + 1.0 : double.NegativeInfinity;
        var high = query.BeforeSequence is { } b ? b - 1.0 : double.PositiveInfinity;
        if (_edge is { Sequence: var start })
        {
            low = query.OldestFirst ? Math.Max(low, start) : low;
            high = query.OldestFirst ? high : Math.Min(high, start);
        }

        // By place, not by count: what was at the edge may be gone. Only where more share its sequence than a part holds,
        // the part before brought nothing behind it.
        _offset = _edge is not null && _edge == _edgeOfPart ? _offset + _part.Length : 0;
        _edgeOfPart = _edge;
        var count = _edge is null ? chunk : chunk + 1;
        _next = 0;
        _part = low > high
            ? []
            : await redis.CallAsync(
                db => db.SortedSetRangeByScoreWithScoresAsync(
                    _index, low, high, Exclude.None, query.OldestFirst ? Order.Ascending : Order.Descending, _offset, count),
                cancellationToken);
        _isEnd = _part.Length < count;
        return _part.Length > 0;
    }
}
