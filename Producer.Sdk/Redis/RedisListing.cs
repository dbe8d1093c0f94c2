using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// One page of a listing: merges the streams' indexes in the total order and fetches payloads in small groups until the
/// page is full: payloads of some 4 MiB at a time, whatever their sizes. What is replaced while the page is read moves to
/// the end of its stream and is not listed at its old place.
/// </summary>
internal sealed class RedisListing(RedisConnection redis, RedisLayout layout, int shard, CheckpointQuery query, ListPosition? after, long maxBytes)
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
    public async Task<CachePage> ReadAsync(string[] namespaces, CancellationToken cancellationToken)
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

        var found = new CachePageBuilder(query, maxBytes);
        while (!found.IsFull)
        {
            var places = await TakeAsync(_hasFilter ? LargestGroup : Math.Min(LargestGroup, found.Left), cancellationToken);
            if (places.Count == 0)
            {
                break;
            }

            foreach (var group in await SplitAsync(places, cancellationToken))
            {
                await FetchAsync(group, found, cancellationToken);
                if (found.IsFull)
                {
                    break;
                }
            }
        }

        return found.Build();
    }

    private async Task<List<Place>> TakeAsync(int size, CancellationToken cancellationToken)
    {
        var group = new List<Place>(size);
        while (group.Count < size && _merge.TryDequeue(out var cursor, out var position))
        {
            group.Add(new Place(cursor, position));
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

    // By the sizes that the payloads have now; asked for all at once.
    private async Task<List<List<Place>>> SplitAsync(List<Place> places, CancellationToken cancellationToken)
    {
        var sizes = await redis.CallAsync(
            db => Task.WhenAll(places.Select(async place =>
                (long)await db.ExecuteAsync("HSTRLEN", place.Stream.Hash, (RedisValue)place.Position.Id))),
            cancellationToken);
        var groups = new List<List<Place>>();
        var bytes = 0L;
        for (var i = 0; i < places.Count; i++)
        {
            bytes += sizes[i];
            if (i == 0 || bytes > GroupBytes)
            {
                groups.Add([]);
                bytes = sizes[i];
            }

            groups[^1].Add(places[i]);
        }

        return groups;
    }

    private async Task FetchAsync(List<Place> group, CachePageBuilder found, CancellationToken cancellationToken)
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

        foreach (var (_, position) in group)
        {
            if (payloads[position] is not { } payload)
            {
                continue;
            }

            // What has not even a sequence is handed on as it is: whoever decodes it says so.
            var checkpoint = RedisFormat.TryReadPayload(payload, out var read) ? read : new CachedCheckpoint(position.Sequence, payload);
            if (checkpoint.Sequence == position.Sequence && !found.TryAdd(checkpoint))
            {
                return;
            }
        }
    }

    private readonly record struct Place(RedisStreamCursor Stream, ListPosition Position);
}
