using System.Text;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <content>Reads.</content>
internal sealed partial class RedisCheckpointCache
{
    private const int MarksChunk = 500;

    /// <inheritdoc />
    public async Task<CacheRead> LoadAsync(CheckpointKey key, CancellationToken cancellationToken)
    {
        var shard = _layout.ShardOf(key.ExecutionId);
        RedisKey[] keys = [.. _layout.StreamKeys(shard, key.ExecutionId, key.Namespace), _layout.NamedKey(shard, 't', key.ExecutionId)];
        RedisValue[] values = [key.Id, $"{key.Namespace}\x1F{key.Id}"];
        return ReadFound(await _redis.RunAsync(RedisScripts.Load, keys, values, cancellationToken));
    }

    /// <inheritdoc />
    public async Task<CacheRead> LoadLatestAsync(string executionId, string ns, CancellationToken cancellationToken) =>
        ReadFound(await _redis.RunAsync(RedisScripts.Latest, KeysOf(new CheckpointKey(executionId, ns, "")), [], cancellationToken));

    /// <inheritdoc />
    public async Task<CachePage> ListAsync(CheckpointQuery query, ListPosition? after, long maxBytes, CancellationToken cancellationToken)
    {
        var shard = _layout.ShardOf(query.ExecutionId);
        string[] namespaces = query.Namespace is { } one
            ? [one]
            : ToStrings(await _redis.CallAsync(
                db => db.SortedSetRangeByRankAsync(_layout.NamedKey(shard, 'n', query.ExecutionId)), cancellationToken));
        var listing = new RedisListing(_redis, _layout, shard, query, after, maxBytes);
        return await listing.ReadAsync(namespaces, cancellationToken);
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<CacheMark?>> GetMarksAsync(
        string executionId, IReadOnlyList<(string Namespace, string Id)> keys, CancellationToken cancellationToken)
    {
        var marks = new List<CacheMark?>(keys.Count);
        var redisKeys = KeysOf(new CheckpointKey(executionId, "", ""));
        for (var start = 0; start < keys.Count; start += MarksChunk)
        {
            var count = Math.Min(MarksChunk, keys.Count - start);
            var values = new RedisValue[count * 2];
            for (var i = 0; i < count; i++)
            {
                values[2 * i] = keys[start + i].Namespace;
                values[(2 * i) + 1] = keys[start + i].Id;
            }

            foreach (byte[]? text in (RedisValue[])(await _redis.RunAsync(RedisScripts.Marks, redisKeys, values, cancellationToken))!)
            {
                marks.Add(text!.Length == 0 ? null : new CacheMark(RedisFormat.ReadSequence(text.AsSpan(1)), text[0] == 't'));
            }
        }

        return marks;
    }

    /// <inheritdoc />
    public async Task<long?> GetClearAsync(string executionId, CancellationToken cancellationToken)
    {
        var tombstones = _layout.NamedKey(_layout.ShardOf(executionId), 't', executionId);
        byte[]? clear = await _redis.CallAsync(db => db.HashGetAsync(tombstones, "*"), cancellationToken);
        return clear is null ? null : RedisFormat.ReadSequence(clear);
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<string>> ListExecutionsAsync(string prefix, string? after, int limit, CancellationToken cancellationToken)
    {
        byte[] above = after is null ? [] : [(byte)'(', .. Encoding.UTF8.GetBytes(after)];
        byte[] from = prefix.Length == 0 ? "-"u8.ToArray() : [(byte)'[', .. Encoding.UTF8.GetBytes(prefix)];

        // No UTF-8 text has the byte 0xFF: it closes the range of a prefix.
        byte[] to = prefix.Length == 0 ? "+"u8.ToArray() : [(byte)'(', .. Encoding.UTF8.GetBytes(prefix), 0xFF];
        if (after is not null && ListPosition.CompareUtf8(after, prefix) >= 0)
        {
            from = above;
        }

        // Each shard gives its share and a reserve; the merge asks again where it comes to a shard's end.
        var chunk = Math.Min(limit, (2 * limit / _layout.ShardCount) + 16);
        var merge = new PriorityQueue<(int Shard, string Name, string? Refill), string>(
            Comparer<string>.Create(ListPosition.CompareUtf8));
        var pages = new Task<string[]>[_layout.ShardCount];
        for (var shard = 0; shard < pages.Length; shard++)
        {
            pages[shard] = ExecutionsOfAsync(shard, from, to, chunk, cancellationToken);
        }

        for (var shard = 0; shard < pages.Length; shard++)
        {
            Add(merge, shard, await pages[shard]);
        }

        var found = new List<string>(Math.Min(limit, 1000));
        while (found.Count < limit && merge.TryDequeue(out var next, out _))
        {
            if (next.Refill is { } last)
            {
                byte[] behind = [(byte)'(', .. Encoding.UTF8.GetBytes(last)];
                Add(merge, next.Shard, await ExecutionsOfAsync(next.Shard, behind, to, chunk, cancellationToken));
            }
            else
            {
                found.Add(next.Name);
            }
        }

        return found;
    }

    private static void Add(PriorityQueue<(int Shard, string Name, string? Refill), string> merge, int shard, string[] page)
    {
        for (var i = 1; i < page.Length; i++)
        {
            merge.Enqueue((shard, page[i], null), page[i]);
        }

        if (page[0].Length > 0)
        {
            // Right behind the last one that was looked at, before any other name.
            merge.Enqueue((shard, "", page[0]), page[0] + "\0");
        }
    }

    private async Task<string[]> ExecutionsOfAsync(int shard, byte[] from, byte[] to, int limit, CancellationToken cancellationToken) =>
        (string[])(await _redis.RunAsync(RedisScripts.Executions, [_layout.ExecutionsKey(shard)], [from, to, limit], cancellationToken))!;

    private static CacheRead ReadFound(RedisResult result) => (RedisValue[])result! switch
    {
        [] => default,
        [{ IsNull: true }, var tomb] => new CacheRead(CacheReadStatus.Deleted, new CachedCheckpoint(RedisFormat.ReadSequence((byte[])tomb!), default)),
        [var payload, ..] => new CacheRead(CacheReadStatus.Found, RedisFormat.ReadPayload(payload!)),
    };

    private static string[] ToStrings(RedisValue[] values) => Array.ConvertAll(values, value => (string)value!);
}
