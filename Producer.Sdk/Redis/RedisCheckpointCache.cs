using System.Globalization;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// The cache in Redis or Valkey, laid out as <see cref="RedisLayout"/> says. Thread-safe. What cannot be reached in time
/// is a <see cref="CheckpointUnavailableException"/>; a damaged value or a key of another type is a
/// <see cref="CheckpointFormatException"/>.
/// </summary>
internal sealed partial class RedisCheckpointCache : ICheckpointCache, IAsyncDisposable
{
    private const int TriedShards = 32;

    private static readonly byte[] Yes = [(byte)'1'];
    private static readonly byte[] No = [(byte)'0'];

    private readonly RedisConnection _redis;
    private readonly RedisLayout _layout;
    private readonly RedisClock _clock;
    private readonly RedisSaveGroups _saves;

    /// <summary>Makes the cache; it connects at the first call and again by itself after an outage.</summary>
    /// <param name="connectionString">Of StackExchange.Redis, such as "host:6379,password=…".</param>
    /// <param name="prefix">What all keys start with; 1 to 64 characters without braces and control characters.</param>
    /// <param name="shardCount">The number of shards; 1 to 16,384.</param>
    /// <param name="timeout">The longest time of one round trip.</param>
    /// <exception cref="ArgumentException">An argument is not allowed.</exception>
    public RedisCheckpointCache(string connectionString, string prefix, int shardCount, TimeSpan timeout)
    {
        _layout = new RedisLayout(prefix, shardCount);
        _redis = new RedisConnection(connectionString, timeout, [RedisScripts.Save, RedisScripts.Delete, RedisScripts.Clear]);
        _clock = new RedisClock(GetTimeAsync, timeout);
        _saves = new RedisSaveGroups((keys, values) => RunInTimeAsync(RedisScripts.Save, keys, values, 0));
    }

    /// <inheritdoc />
    public int ShardCount => _layout.ShardCount;

    /// <inheritdoc />
    public int Interruptions => _redis.Interruptions;

    /// <inheritdoc />
    public async Task InitializeAsync(CancellationToken cancellationToken)
    {
        await _redis.CallAsync(db => db.StringSetAsync(_layout.ConfigKey, _layout.Config, null, When.NotExists), cancellationToken);
        var found = (string?)await _redis.CallAsync(db => db.StringGetAsync(_layout.ConfigKey), cancellationToken);
        if (found == _layout.Config)
        {
            await _clock.ReadAsync(cancellationToken);
            _saves.IsGrouping = await TakesSeveralShardsAsync(cancellationToken);
            return;
        }

        var parts = (found ?? "").Split(' ');
        throw parts is [var version, var shards] && version == RedisLayout.Version.ToString(CultureInfo.InvariantCulture)
            ? new CheckpointException(
                $"Redis holds '{_layout.Prefix}' in {shards} shards; this program is set to {_layout.ShardCount}.",
                isTransient: false,
                $"Set ShardCount to {shards}, or use another prefix.")
            : new CheckpointException(
                $"Redis holds '{_layout.Prefix}' in layout '{found}'; this program uses '{_layout.Config}'.", isTransient: false, "Use another prefix.");
    }

    /// <inheritdoc />
    public async Task<DateTimeOffset> GetTimeAsync(CancellationToken cancellationToken)
    {
        var time = (RedisValue[])(await _redis.RunAsync(RedisScripts.Time, [_layout.ConfigKey], [], cancellationToken))!;
        return CheckpointCodec.FromMicroseconds(((long)time[0] * 1_000_000) + (long)time[1]);
    }

    /// <inheritdoc />
    public Task<CacheSave> SaveAsync(
        EncodedCheckpoint checkpoint, long proposedSequence, CacheRetention policy, string? expectedLatestId, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<CacheSave>(cancellationToken);
        }

        var key = checkpoint.Key;
        var save = _saves.SaveAsync(new RedisSaveGroups.Save(
            KeysOf(key),
            key.Id,
            RedisFormat.Payload(checkpoint, proposedSequence),
            RedisFormat.Member('s', key, proposedSequence),
            policy.KeepsAll ? "" : RedisFormat.Policy(policy),
            expectedLatestId is null ? "" : "=" + expectedLatestId));
        return cancellationToken.CanBeCanceled ? save.WaitAsync(cancellationToken) : save;
    }

    /// <inheritdoc />
    public async Task<CachePut> PutAsync(
        EncodedCheckpoint checkpoint, long sequence, CacheRetention policy, bool pending, CancellationToken cancellationToken)
    {
        RedisValue[] values =
        [
            checkpoint.Key.Id, RedisFormat.Payload(checkpoint, sequence), RedisFormat.Policy(policy), pending ? Yes : No,
        ];
        var text = (string)(await _redis.RunAsync(RedisScripts.Put, KeysOf(checkpoint.Key), values, cancellationToken))!;
        return text switch
        {
            "t" => CachePut.Taken,
            "d" => CachePut.Discarded,
            _ => CachePut.Ignored,
        };
    }

    /// <inheritdoc />
    public Task<long> DeleteAsync(CheckpointKey key, long sequence, bool isFixed, TimeSpan tombstoneTtl, CancellationToken cancellationToken)
    {
        RedisValue[] values = [key.Id, RedisFormat.Sequence(sequence), isFixed ? Yes : No, RedisFormat.Milliseconds(tombstoneTtl), default];
        return DeleteAsync(RedisScripts.Delete, KeysOf(key), values, 4, cancellationToken);
    }

    /// <inheritdoc />
    public Task<long> ClearAsync(string executionId, long sequence, bool isFixed, TimeSpan tombstoneTtl, CancellationToken cancellationToken)
    {
        RedisValue[] values = [RedisFormat.Sequence(sequence), isFixed ? Yes : No, RedisFormat.Milliseconds(tombstoneTtl), default];
        var keys = KeysOf(new CheckpointKey(executionId, ""));
        return DeleteAsync(RedisScripts.Clear, keys, values, 3, cancellationToken);
    }

    /// <inheritdoc />
    public async Task<bool> TryLeaseAsync(string name, string owner, TimeSpan duration, CancellationToken cancellationToken)
    {
        var key = _layout.NamedKey(_layout.ShardOf(name), 'l', name);
        return (long)await _redis.RunAsync(RedisScripts.Lease, [key], [owner, RedisFormat.Milliseconds(duration)], cancellationToken) == 1;
    }

    /// <inheritdoc />
    public async Task<bool> TryMoveWatermarkAsync(int shard, string owner, long from, long? to, CancellationToken cancellationToken) => (long)await _redis.RunAsync(
        RedisScripts.Watermark,
        [_layout.WatermarksKey(shard)],
        [owner, from == 0 ? RedisValue.EmptyString : from, to ?? RedisValue.EmptyString],
        cancellationToken) == 1;

    /// <inheritdoc />
    public async Task<IReadOnlyDictionary<string, long>> GetWatermarksAsync(int shard, CancellationToken cancellationToken)
    {
        var watermarks = new Dictionary<string, long>();
        foreach (var entry in await _redis.CallAsync(db => db.HashGetAllAsync(_layout.WatermarksKey(shard)), cancellationToken))
        {
            if (long.TryParse((string?)entry.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            {
                watermarks[entry.Name!] = value;
            }
        }

        return watermarks;
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _redis.DisposeAsync();

    private async Task<long> DeleteAsync(
        RedisScript script, RedisKey[] keys, RedisValue[] values, int deadline, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var deletion = _saves.CallAsync(() => RunInTimeAsync(script, keys, values, deadline));
        return RedisFormat.ReadSequence((byte[])(await deletion.WaitAsync(cancellationToken))!);
    }

    /// <summary>
    /// Whether one call may be of several shards: all lie on one server, which takes it. Of a Redis Cluster they do not, nor
    /// behind a proxy that spreads them, which would send the call where the first of its keys lies. Tried beforehand, since
    /// a save that is refused and sent again would come after what has left meanwhile.
    /// </summary>
    private async Task<bool> TakesSeveralShardsAsync(CancellationToken cancellationToken)
    {
        var count = Math.Min(TriedShards, ShardCount);
        RedisKey[] keys = [.. Enumerable.Range(0, count).Select(i => _layout.PendingKeys[i * ShardCount / count])];
        try
        {
            var servers = await Task.WhenAll(keys.Select(key => IdOfServerAsync([key])).Append(IdOfServerAsync(keys)));
            return servers[0] is not null && Array.TrueForAll(servers, server => server == servers[0]);
        }
        catch (CheckpointException e) when (e is not CheckpointUnavailableException away || RedisErrors.IsRefused(away))
        {
            return false;
        }

        async Task<string?> IdOfServerAsync(RedisKey[] ofShards) => (string?)await _redis.RunAsync(RedisScripts.ServerId, ofShards, [], cancellationToken);
    }

    /// <summary>Runs a script that takes a place in the order; it has no effect once whoever waits for this has given up.</summary>
    private async Task<RedisResult> RunInTimeAsync(RedisScript script, RedisKey[] keys, RedisValue[] values, int deadline)
    {
        if (_clock.Deadline() is not { } first)
        {
            await _clock.ReadAsync(CancellationToken.None);
            first = _clock.Deadline()!;
        }

        values[deadline] = first;
        var result = await _redis.RunAsync(script, keys, values, CancellationToken.None);
        if (IsTooLate(result))
        {
            // Held up on its way, or Redis's clock has jumped.
            await _clock.ReadAsync(CancellationToken.None);
            values[deadline] = _clock.Deadline()!;
            result = await _redis.RunAsync(script, keys, values, CancellationToken.None);
        }

        return !IsTooLate(result)
            ? result
            : throw new CheckpointUnavailableException("Redis got the call too late.", "Check that its clock does not jump.");
    }

    private static bool IsTooLate(RedisResult result) => result.Length < 0 && (byte[]?)result is [RedisScripts.TooLate];

    private RedisKey[] KeysOf(in CheckpointKey key) => _layout.StreamKeys(_layout.ShardOf(key.ExecutionId), key.ExecutionId, key.Namespace);
}
