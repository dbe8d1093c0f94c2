using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// One page of a listing: merges the streams' indexes in the total order and fetches payloads in small groups until the
/// page is full. What is replaced while the page is read moves to the end of its stream and is not listed at its old place.
/// </summary>
internal sealed class RedisListing(RedisConnection redis, RedisLayout layout, int shard, CheckpointQuery query, ListPosition? after)
{
    private const int StreamsAtOnce = 64;
    private const int LargestGroup = 128;
    private const int GroupBytes = 4 * 1024 * 1024;

    private readonly bool _hasFilter = query.ParentId is not null || query.NodeName is not null || query.Metadata is not null;
    private readonly PriorityQueue<RedisStreamCursor, ListPosition> _merge = new(
        query.OldestFirst ? Comparer<ListPosition>.Default : Comparer<ListPosition>.Create(static (a, b) => b.CompareTo(a)));

    /// <summary>Reads the page.</summary>
    /// <param name="namespaces">The streams.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<IReadOnlyList<CachedCheckpoint>> ReadAsync(string[] namespaces, CancellationToken cancellationToken)
    {
        var chunk = _hasFilter ? 256 : Math.Min(256, query.Limit);
        foreach (var part in namespaces.Chunk(StreamsAtOnce))
        {
            var cursors = Array.ConvertAll(part, ns => new RedisStreamCursor(redis, layout, shard, query, ns, after, chunk));
            await Task.WhenAll(Array.ConvertAll(cursors, cursor => cursor.MoveNextAsync(cancellationToken)));
            foreach (var cursor in cursors)
            {
                Enqueue(cursor);
            }
        }

        var found = new List<CachedCheckpoint>();
        var size = Math.Min(16, query.Limit);
        while (found.Count < query.Limit)
        {
            var group = await TakeAsync(size, cancellationToken);
            if (group.Count == 0)
            {
                break;
            }

            var bytes = await FetchAsync(group, found, cancellationToken);
            size = (int)Math.Clamp(GroupBytes / Math.Max(1, bytes / group.Count), 1, LargestGroup);
            size = _hasFilter ? size : Math.Min(size, Math.Max(1, query.Limit - found.Count));
        }

        return found;
    }

    private async Task<List<(RedisStreamCursor Stream, ListPosition Position)>> TakeAsync(int size, CancellationToken cancellationToken)
    {
        var group = new List<(RedisStreamCursor, ListPosition)>(size);
        while (group.Count < size && _merge.TryDequeue(out var cursor, out var position))
        {
            group.Add((cursor, position));
            await cursor.MoveNextAsync(cancellationToken);
            Enqueue(cursor);
        }

        return group;
    }

    private void Enqueue(RedisStreamCursor cursor)
    {
        if (cursor.Current is { } position)
        {
            _merge.Enqueue(cursor, position);
        }
    }

    private async Task<long> FetchAsync(
        List<(RedisStreamCursor Stream, ListPosition Position)> group, List<CachedCheckpoint> found, CancellationToken cancellationToken)
    {
        // One HMGET for each stream in the group.
        var payloads = new Dictionary<ListPosition, byte[]?>(group.Count);
        await Task.WhenAll(group.GroupBy(entry => entry.Stream, entry => entry.Position).Select(async stream =>
        {
            ListPosition[] positions = [.. stream];
            var ids = Array.ConvertAll(positions, position => (RedisValue)position.Id);
            var values = await redis.CallAsync(db => db.HashGetAsync(stream.Key.Hash, ids), cancellationToken);
            lock (payloads)
            {
                for (var i = 0; i < positions.Length; i++)
                {
                    payloads[positions[i]] = values[i];
                }
            }
        }));

        var bytes = 0L;
        foreach (var (_, position) in group)
        {
            if (payloads[position] is not { } payload)
            {
                continue;
            }

            bytes += payload.Length;
            var checkpoint = RedisLayout.ReadPayload(payload);
            if (found.Count < query.Limit && checkpoint.Sequence == position.Sequence && ListFilter.TryMatch(query, checkpoint) is { } match)
            {
                found.Add(match);
            }
        }

        return bytes;
    }
}
