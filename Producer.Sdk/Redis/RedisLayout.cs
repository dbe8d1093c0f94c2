using System.Globalization;
using System.Text;
using AsyncCheckpoints.Caching;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// What lies where in Redis. Every key but the configuration starts with <c>{prefix:shard}:</c>; the prefix has no
/// brace, so that is the hash tag whatever the ids contain, and all keys of a shard share one Cluster slot. Ids have no
/// control characters: 0x1F (written <c>|</c> here) separates parts without ambiguity.
/// <list type="table">
/// <item><term><c>prefix:config</c></term><description>Text "version shards"; never changed.</description></item>
/// <item><term><c>h:execution|namespace</c></term><description>
/// Hash of one stream. Field = id, value = sequence (16 decimal digits), content hash (32 bytes), record. Field 0x01 is
/// the stream's state: the last sequence seen (16 digits) and, only for streams that have a policy,
/// " pending ttlMs sliding max"; or, of a stream that was emptied while it counted pending marks, " pending".
/// </description></item>
/// <item><term><c>z:execution|namespace</c></term><description>
/// Sorted set: id by sequence. The latest is its last member. Sequences are microseconds below 2^53, exact as doubles.
/// </description></item>
/// <item><term><c>p</c></term><description>
/// Sorted set: the shard's pending marks <c>kind|execution|namespace|id|sequence</c> by sequence, which is a time
/// (microseconds since the Unix epoch). Kinds: s save; c save that its stream's state counts; d delete; x clear. The
/// mark of a version that was replaced or deleted stays until it is settled.
/// </description></item>
/// <item><term><c>n:execution</c></term><description>
/// Sorted set: the execution's namespaces by the time (Unix ms) at which they expire; infinite when they do not.
/// </description></item>
/// <item><term><c>e</c></term><description>Sorted set, all scores 0: the shard's executions, for ranges in byte order.</description></item>
/// <item><term><c>t:execution</c></term><description>
/// Hash of tombstones, sequences of 16 digits: <c>*</c> the clear; <c>namespace|id</c> a deletion; <c>namespace|</c>
/// the highest deletion of a stream; <c>-</c> the highest of all; <c>+</c> the highest sequence that may have left the
/// cache by trimming or expiry, or was not taken in: a tombstone below it no longer proves that the archive has nothing
/// newer. Expires the tombstones' time to live after the last deletion.
/// </description></item>
/// <item><term><c>u:execution</c></term><description>
/// Sorted set: <c>namespace|id</c> by the time (Unix ms) at which its tombstone has lived long enough. Every deletion
/// removes a few of these, so an execution that keeps deleting does not grow.
/// </description></item>
/// <item><term><c>l:name</c></term><description>A lease: its owner, with an expiry.</description></item>
/// <item><term><c>w</c></term><description>
/// Hash: a worker's watermark (microseconds of the archive's clock) by worker. Those of the past go when another begins.
/// </description></item>
/// </list>
/// The scripts declare a stream's h, z and p and derive the other keys of the same slot from them. Redis should run with
/// <c>maxmemory-policy noeviction</c>: evicted keys are re-read from the archive, but evicted pending marks are not rescued.
/// </summary>
internal sealed class RedisLayout
{
    /// <summary>The version of this layout.</summary>
    public const int Version = 1;

    private readonly byte[][] _bases;

    /// <summary>Computes the fixed keys.</summary>
    /// <param name="prefix">What all keys start with; 1 to 64 characters without braces and control characters.</param>
    /// <param name="shardCount">The number of shards; 1 to 16,384.</param>
    public RedisLayout(string prefix, int shardCount)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        if (prefix.Length > 64 || prefix.AsSpan().ContainsAny('{', '}') || prefix.Any(char.IsControl))
        {
            throw new ArgumentException($"The prefix '{prefix}' is not allowed: 1 to 64 characters without braces and control characters are.", nameof(prefix));
        }

        if (shardCount is < 1 or > 16384)
        {
            throw new ArgumentOutOfRangeException(nameof(shardCount), shardCount, $"ShardCount is {shardCount}; 1 to 16384 are allowed.");
        }

        Prefix = prefix;
        ShardCount = shardCount;
        _bases = new byte[shardCount][];
        PendingKeys = new RedisKey[shardCount];
        for (var shard = 0; shard < shardCount; shard++)
        {
            _bases[shard] = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{{{prefix}:{shard}}}:"));
            PendingKeys[shard] = (byte[])[.. _bases[shard], (byte)'p'];
        }
    }

    /// <summary>What all keys start with.</summary>
    public string Prefix { get; }

    /// <summary>The number of shards.</summary>
    public int ShardCount { get; }

    /// <summary>The key of the layout's own version and shard count.</summary>
    public RedisKey ConfigKey => Prefix + ":config";

    /// <summary>What <see cref="ConfigKey"/> holds.</summary>
    public string Config => string.Create(CultureInfo.InvariantCulture, $"{Version} {ShardCount}");

    /// <summary>The pending sets by shard.</summary>
    public RedisKey[] PendingKeys { get; }

    /// <summary>The shard of an execution.</summary>
    /// <param name="executionId">The execution.</param>
    public int ShardOf(string executionId) => ShardHash.Of(executionId, ShardCount);

    /// <summary>The keys h, z and p of a stream, as the scripts take them.</summary>
    /// <param name="shard">The execution's shard.</param>
    /// <param name="executionId">The execution.</param>
    /// <param name="ns">The namespace.</param>
    public RedisKey[] StreamKeys(int shard, string executionId, string ns)
    {
        var hash = StreamKey(shard, 'h', executionId, ns);
        var set = (byte[])hash.Clone();
        set[_bases[shard].Length] = (byte)'z';
        return [hash, set, PendingKeys[shard]];
    }

    /// <summary>A stream's key h or z.</summary>
    /// <param name="shard">The execution's shard.</param>
    /// <param name="kind">h or z.</param>
    /// <param name="executionId">The execution.</param>
    /// <param name="ns">The namespace.</param>
    public byte[] StreamKey(int shard, char kind, string executionId, string ns)
    {
        var start = _bases[shard];
        var utf8 = Encoding.UTF8;
        var length = utf8.GetByteCount(executionId);
        var key = new byte[start.Length + 3 + length + utf8.GetByteCount(ns)];
        start.CopyTo(key, 0);
        var position = start.Length;
        key[position++] = (byte)kind;
        key[position++] = (byte)':';
        position += utf8.GetBytes(executionId, key.AsSpan(position));
        key[position++] = RedisFormat.Separator;
        utf8.GetBytes(ns, key.AsSpan(position));
        return key;
    }

    /// <summary>An execution's key n or t, or another key with a name, such as l.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="kind">n, t or l.</param>
    /// <param name="name">The execution.</param>
    public RedisKey NamedKey(int shard, char kind, string name) =>
        (byte[])[.. _bases[shard], (byte)kind, (byte)':', .. Encoding.UTF8.GetBytes(name)];

    /// <summary>The shard's hash of watermarks.</summary>
    /// <param name="shard">The shard.</param>
    public RedisKey WatermarksKey(int shard) => (byte[])[.. _bases[shard], (byte)'w'];

    /// <summary>The shard's set of executions.</summary>
    /// <param name="shard">The shard.</param>
    public RedisKey ExecutionsKey(int shard) => (byte[])[.. _bases[shard], (byte)'e'];
}
