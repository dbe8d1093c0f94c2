using System.Globalization;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <content>Pending marks.</content>
internal sealed partial class RedisCheckpointCache
{
    // One mark that is missing makes its whole part suspect.
    private const int SettleChunk = 256;

    // The largest state that options allow, and room for the rest of a record.
    private const int MaxPayloadBytes = (64 + 1) * 1024 * 1024;

    /// <inheritdoc />
    public async Task<IReadOnlyList<int>> ListPendingShardsAsync(DateTimeOffset madeBefore, CancellationToken cancellationToken)
    {
        var before = (double)CheckpointCodec.ToMicroseconds(madeBefore);
        var found = await Task.WhenAll(Array.ConvertAll(_layout.PendingKeys, HasPendingAsync));
        return [.. Enumerable.Range(0, ShardCount).Where(shard => found[shard])];

        async Task<bool> HasPendingAsync(RedisKey pending)
        {
            try
            {
                var oldest = await _redis.CallAsync(db => db.SortedSetRangeByRankWithScoresAsync(pending, 0, 0), cancellationToken);
                return oldest is [{ Score: var score }] && score < before;
            }
            catch (CheckpointFormatException)
            {
                return true;
            }
        }
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<PendingEntry>> ListPendingAsync(
        int shard, DateTimeOffset madeBefore, int limit, CancellationToken cancellationToken)
    {
        var pending = _layout.PendingKeys[shard];
        var before = (double)CheckpointCodec.ToMicroseconds(madeBefore);
        while (true)
        {
            var members = await _redis.CallAsync(
                db => db.SortedSetRangeByScoreAsync(pending, double.NegativeInfinity, before, Exclude.Stop, Order.Ascending, 0, limit),
                cancellationToken);
            var marks = new List<PendingMark>(members.Length);
            var foreign = new List<RedisValue>();
            foreach (var member in members)
            {
                if (RedisFormat.ReadMember(member!) is { } mark && _layout.ShardOf(mark.Key.ExecutionId) == shard)
                {
                    marks.Add(mark);
                }
                else
                {
                    foreign.Add(member);
                }
            }

            if (foreign.Count == 0)
            {
                return await ReadPendingAsync(shard, marks, cancellationToken);
            }

            // Nobody could ever settle them, and enough of them would hide the marks behind them.
            await _redis.CallAsync(db => db.SortedSetRemoveAsync(pending, [.. foreign]), cancellationToken);
        }
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<PendingMark>> SettleAsync(IReadOnlyCollection<PendingMark> marks, CancellationToken cancellationToken)
    {
        // By shard: what no stream counts. By stream: the saves of those with a policy.
        var plain = new Dictionary<int, List<PendingMark>>();
        var streams = new Dictionary<(string, string), List<PendingMark>>();
        foreach (var mark in marks)
        {
            if (mark.Kind == PendingKind.Save && !mark.Policy.KeepsAll)
            {
                Group(streams, (mark.Key.ExecutionId, mark.Key.Namespace), mark);
            }
            else
            {
                Group(plain, _layout.ShardOf(mark.Key.ExecutionId), mark);
            }
        }

        var calls = new List<Task<IReadOnlyList<PendingMark>>>(plain.Count + streams.Count);
        foreach (var (shard, some) in plain)
        {
            calls.AddRange(some.Chunk(SettleChunk).Select(part => OrMissingAsync(part, SettlePlainAsync(shard, part, cancellationToken))));
        }

        foreach (var some in streams.Values)
        {
            calls.AddRange(some.Chunk(SettleChunk).Select(part => OrMissingAsync(part, SettleStreamAsync(part, cancellationToken))));
        }

        return [.. (await Task.WhenAll(calls)).SelectMany(missing => missing)];
    }

    /// <inheritdoc />
    public async Task<bool> IsPendingAsync(PendingMark mark, CancellationToken cancellationToken)
    {
        var pending = _layout.PendingKeys[_layout.ShardOf(mark.Key.ExecutionId)];
        var kinds = mark.Kind switch { PendingKind.Save => "sc", PendingKind.Delete => "d", _ => "x" };
        var scores = await _redis.CallAsync(
            db => Task.WhenAll(kinds.Select(kind => db.SortedSetScoreAsync(pending, RedisFormat.Member(kind, mark.Key, mark.Sequence)))), cancellationToken);
        return Array.Exists(scores, score => score is not null);
    }

    /// <inheritdoc />
    public async Task<PendingStats> GetPendingStatsAsync(CancellationToken cancellationToken)
    {
        var now = GetTimeAsync(cancellationToken);
        var shards = await Task.WhenAll(Array.ConvertAll(_layout.PendingKeys, key => _redis.CallAsync(
            async db =>
            {
                var oldest = db.SortedSetRangeByRankWithScoresAsync(key, 0, 0);
                return (Count: await db.SortedSetLengthAsync(key), Oldest: await oldest);
            },
            cancellationToken)));
        var first = shards.SelectMany(shard => shard.Oldest).Select(entry => entry.Score).DefaultIfEmpty(double.PositiveInfinity).Min();
        var age = TimeSpan.FromMicroseconds(Math.Clamp(CheckpointCodec.ToMicroseconds(await now) - first, 0, CheckpointLimits.MaxSequence));
        return new PendingStats(shards.Sum(shard => shard.Count), age);
    }

    /// <inheritdoc />
    public async Task<CacheServerStats?> GetServerStatsAsync(CancellationToken cancellationToken)
    {
        var info = (string?)await _redis.CallAsync(db => db.ExecuteAsync("INFO"), cancellationToken) ?? "";
        return new CacheServerStats(Field("used_memory"), Field("maxmemory"), Field("evicted_keys"));

        long Field(string name)
        {
            foreach (var line in info.AsSpan().EnumerateLines())
            {
                if (line.Length > name.Length && line[name.Length] == ':' && line.StartsWith(name, StringComparison.Ordinal))
                {
                    return long.TryParse(line[(name.Length + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
                }
            }

            return 0;
        }
    }

    private static void Group<TKey>(Dictionary<TKey, List<PendingMark>> groups, TKey key, PendingMark mark)
        where TKey : notnull
    {
        if (!groups.TryGetValue(key, out var group))
        {
            groups[key] = group = [];
        }

        group.Add(mark);
    }

    private async Task<IReadOnlyList<PendingEntry>> ReadPendingAsync(int shard, List<PendingMark> marks, CancellationToken cancellationToken)
    {
        var payloads = await Task.WhenAll(marks.ConvertAll(mark => MeasureAsync(shard, mark, cancellationToken)));
        var bytes = 0L;
        var count = 0;
        while (count < payloads.Length && (count == 0 || bytes + payloads[count].Length <= ICheckpointCache.PendingPageBytes))
        {
            bytes += payloads[count++].Length;
        }

        return await Task.WhenAll(payloads[..count].Select(payload => ReadPendingAsync(payload, cancellationToken)));
    }

    private async Task<PendingPayload> MeasureAsync(int shard, PendingMark mark, CancellationToken cancellationToken)
    {
        RedisKey hash = _layout.StreamKey(shard, 'h', mark.Key.ExecutionId, mark.Key.Namespace);
        if (mark.Kind != PendingKind.Save)
        {
            return new PendingPayload(mark, hash, 0, null);
        }

        try
        {
            var length = (long)await _redis.CallAsync(db => db.ExecuteAsync("HSTRLEN", hash, (RedisValue)mark.Key.Id), cancellationToken);
            return length <= MaxPayloadBytes
                ? new PendingPayload(mark, hash, length, null)

                // Reading it would time out, and with it the rescue of everything behind it.
                : new PendingPayload(mark, hash, 0, $"Redis holds {length} bytes, which is more than any checkpoint.");
        }
        catch (CheckpointFormatException e)
        {
            // Its neighbours in the shard are not to blame.
            return new PendingPayload(mark, hash, 0, e.Message);
        }
    }

    private async Task<PendingEntry> ReadPendingAsync(PendingPayload pending, CancellationToken cancellationToken)
    {
        var mark = pending.Mark;
        if (mark.Kind != PendingKind.Save || pending.Fault is not null)
        {
            return new PendingEntry(mark, default, pending.Fault);
        }

        RedisValue[] values;
        try
        {
            values = await _redis.CallAsync(db => db.HashGetAsync(pending.Hash, [RedisFormat.MetaField, mark.Key.Id]), cancellationToken);
        }
        catch (CheckpointFormatException e)
        {
            return new PendingEntry(mark, default, e.Message);
        }

        mark = mark with { Policy = RedisFormat.ReadPolicy(values[0]) };
        byte[]? payload = values[1];
        if (payload is null)
        {
            return new PendingEntry(mark, default);
        }

        if (!RedisFormat.TryReadPayload(payload, out var checkpoint))
        {
            // A damaged save is handed on as it is: the archive's dead letters are the place for it, not the end of the rescue.
            return new PendingEntry(mark, payload);
        }

        return new PendingEntry(mark, checkpoint.Sequence == mark.Sequence ? checkpoint.Record : default);
    }

    /// <summary>A key of another type in its place is as good as a loss, and not one of the other parts.</summary>
    private static async Task<IReadOnlyList<PendingMark>> OrMissingAsync(PendingMark[] marks, Task<IReadOnlyList<PendingMark>> settling)
    {
        try
        {
            return await settling;
        }
        catch (CheckpointFormatException)
        {
            return marks;
        }
    }

    private async Task<IReadOnlyList<PendingMark>> SettlePlainAsync(int shard, PendingMark[] marks, CancellationToken cancellationToken)
    {
        var members = Array.ConvertAll(marks, static mark => (RedisValue)RedisFormat.Member(
            mark.Kind switch { PendingKind.Save => 's', PendingKind.Delete => 'd', _ => 'x' }, mark.Key, mark.Sequence));
        if (await _redis.CallAsync(db => db.SortedSetRemoveAsync(_layout.PendingKeys[shard], members), cancellationToken) == members.Length)
        {
            return [];
        }

        // Which of them were not there is not told. A save without a policy may have joined a stream that counts its own.
        var streams = new Dictionary<(string, string), List<PendingMark>>();
        foreach (var mark in marks)
        {
            if (mark.Kind == PendingKind.Save)
            {
                Group(streams, (mark.Key.ExecutionId, mark.Key.Namespace), mark);
            }
        }

        await Task.WhenAll(streams.Values.Select(some => SettleStreamAsync([.. some], cancellationToken)));
        return marks;
    }

    private async Task<IReadOnlyList<PendingMark>> SettleStreamAsync(PendingMark[] marks, CancellationToken cancellationToken)
    {
        var values = new RedisValue[marks.Length * 2];
        for (var i = 0; i < marks.Length; i++)
        {
            values[2 * i] = marks[i].Key.Id;
            values[(2 * i) + 1] = RedisFormat.Sequence(marks[i].Sequence);
        }

        return (long)await _redis.RunAsync(RedisScripts.Settle, KeysOf(marks[0].Key), values, cancellationToken) == 1 ? [] : marks;
    }

    /// <summary>A mark, and what Redis holds for it: so many bytes, or why they cannot be read.</summary>
    private readonly record struct PendingPayload(PendingMark Mark, RedisKey Hash, long Length, string? Fault);
}
