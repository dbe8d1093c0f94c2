using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
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
/// cache by trimming or expiry: a tombstone below it no longer proves that the archive has nothing newer. Expires the
/// tombstones' time to live after the last deletion.
/// </description></item>
/// <item><term><c>u:execution</c></term><description>
/// Sorted set: <c>namespace|id</c> by the time (Unix ms) at which its tombstone has lived long enough. Every deletion
/// removes a few of these, so an execution that keeps deleting does not grow.
/// </description></item>
/// <item><term><c>l:name</c></term><description>A lease: its owner, with an expiry.</description></item>
/// </list>
/// The scripts declare a stream's h, z and p and derive the other keys of the same slot from them. Redis should run with
/// <c>maxmemory-policy noeviction</c>: evicted keys are re-read from the archive, but evicted pending marks are not rescued.
/// </summary>
internal sealed class RedisLayout
{
    /// <summary>The version of this layout.</summary>
    public const int Version = 1;

    /// <summary>The largest sequence: a double holds it exactly and it has 16 digits.</summary>
    public const long MaxSequence = (1L << 53) - 1;

    /// <summary>Digits of a stored sequence.</summary>
    public const int SequenceLength = 16;

    /// <summary>Bytes before the record in a stored checkpoint.</summary>
    public const int HeaderLength = SequenceLength + EncodedCheckpoint.ContentHashLength;

    private const byte Separator = 0x1F;
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

    /// <summary>The meta field of a stream's hash; no id can have this name.</summary>
    public static RedisValue MetaField { get; } = new byte[] { 1 };

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
        key[position++] = Separator;
        utf8.GetBytes(ns, key.AsSpan(position));
        return key;
    }

    /// <summary>An execution's key n or t, or another key with a name, such as l.</summary>
    /// <param name="shard">The shard.</param>
    /// <param name="kind">n, t or l.</param>
    /// <param name="name">The execution.</param>
    public RedisKey NamedKey(int shard, char kind, string name) =>
        (byte[])[.. _bases[shard], (byte)kind, (byte)':', .. Encoding.UTF8.GetBytes(name)];

    /// <summary>The shard's set of executions.</summary>
    /// <param name="shard">The shard.</param>
    public RedisKey ExecutionsKey(int shard) => (byte[])[.. _bases[shard], (byte)'e'];

    /// <summary>A checkpoint as the stream's hash holds it.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="sequence">Its sequence.</param>
    public static byte[] Payload(EncodedCheckpoint checkpoint, long sequence)
    {
        var payload = GC.AllocateUninitializedArray<byte>(HeaderLength + checkpoint.Record.Length);
        WriteSequence(sequence, payload);
        checkpoint.ContentHash.Span.CopyTo(payload.AsSpan(SequenceLength, EncodedCheckpoint.ContentHashLength));
        checkpoint.Record.Span.CopyTo(payload.AsSpan(HeaderLength));
        return payload;
    }

    /// <summary>Reads what <see cref="Payload"/> made.</summary>
    /// <param name="payload">The stored bytes.</param>
    /// <exception cref="CheckpointFormatException">Something else wrote it.</exception>
    public static CachedCheckpoint ReadPayload(byte[] payload) => TryReadPayload(payload, out var checkpoint)
        ? checkpoint
        : throw new CheckpointFormatException($"Redis holds a checkpoint ({payload.Length} bytes) without sequence and hash.");

    /// <summary>Reads what <see cref="Payload"/> made; false when something else wrote it.</summary>
    /// <param name="payload">The stored bytes.</param>
    /// <param name="checkpoint">Sequence and record.</param>
    public static bool TryReadPayload(byte[] payload, out CachedCheckpoint checkpoint)
    {
        checkpoint = default;
        if (payload.Length < HeaderLength || !TryReadSequence(payload.AsSpan(0, SequenceLength), out var sequence))
        {
            return false;
        }

        checkpoint = new CachedCheckpoint(sequence, payload.AsMemory(HeaderLength));
        return true;
    }

    /// <summary>A pending mark's member.</summary>
    /// <param name="kind">s, c, d or x.</param>
    /// <param name="key">The checkpoint.</param>
    /// <param name="sequence">Its sequence.</param>
    public static byte[] Member(char kind, in CheckpointKey key, long sequence)
    {
        var utf8 = Encoding.UTF8;
        var member = new byte[5 + utf8.GetByteCount(key.ExecutionId) + utf8.GetByteCount(key.Namespace) + utf8.GetByteCount(key.Id) + SequenceLength];
        member[0] = (byte)kind;
        member[1] = Separator;
        var position = 2 + utf8.GetBytes(key.ExecutionId, member.AsSpan(2));
        member[position++] = Separator;
        position += utf8.GetBytes(key.Namespace, member.AsSpan(position));
        member[position++] = Separator;
        position += utf8.GetBytes(key.Id, member.AsSpan(position));
        member[position++] = Separator;
        WriteSequence(sequence, member.AsSpan(position));
        return member;
    }

    /// <summary>Reads a member; null when something else wrote it.</summary>
    /// <param name="member">The member's bytes.</param>
    public static PendingMark? ReadMember(byte[] member)
    {
        var parts = Encoding.UTF8.GetString(member).Split((char)Separator);
        if (parts.Length != 5 || !long.TryParse(parts[4], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
        {
            return null;
        }

        PendingKind? kind = parts[0] switch
        {
            "s" or "c" => PendingKind.Save,
            "d" => PendingKind.Delete,
            "x" => PendingKind.Clear,
            _ => null,
        };
        return kind is { } known ? new PendingMark(known, new CheckpointKey(parts[1], parts[2], parts[3]), sequence, default) : null;
    }

    /// <summary>A policy as the scripts take it.</summary>
    /// <param name="policy">The policy.</param>
    public static string Policy(CacheRetention policy) => string.Create(
        CultureInfo.InvariantCulture, $"{Milliseconds(policy.Ttl)} {(policy.Sliding ? 1 : 0)} {Math.Max(0, policy.MaxPerStream)}");

    /// <summary>The policy that a stream's state names.</summary>
    /// <param name="meta">The state.</param>
    public static CacheRetention ReadPolicy(byte[]? meta)
    {
        if (meta is null or { Length: <= SequenceLength })
        {
            return default;
        }

        var parts = Encoding.ASCII.GetString(meta).Split(' ');
        return parts.Length == 5
            && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var ttl)
            && int.TryParse(parts[4], NumberStyles.None, CultureInfo.InvariantCulture, out var max)
            ? new CacheRetention(ttl == 0 ? null : TimeSpan.FromMilliseconds(ttl), parts[3] == "1", max)
            : default;
    }

    /// <summary>16 digits.</summary>
    /// <param name="sequence">The sequence.</param>
    public static byte[] Sequence(long sequence)
    {
        var text = new byte[SequenceLength];
        WriteSequence(sequence, text);
        return text;
    }

    /// <summary>Reads a sequence that a script returned.</summary>
    /// <param name="text">The digits.</param>
    /// <exception cref="CheckpointFormatException">It is none.</exception>
    public static long ReadSequence(ReadOnlySpan<byte> text) => TryReadSequence(text, out var sequence)
        ? sequence
        : throw new CheckpointFormatException($"Redis holds a sequence of {text.Length} bytes that is not {SequenceLength} digits.");

    /// <summary>Whole milliseconds, at least one; 0 for none.</summary>
    /// <param name="time">A duration.</param>
    public static long Milliseconds(TimeSpan? time) => time is { } t ? Math.Max(1, (long)t.TotalMilliseconds) : 0;

    private static bool TryReadSequence(ReadOnlySpan<byte> text, out long sequence) =>
        Utf8Parser.TryParse(text, out sequence, out var read) && read == text.Length && sequence >= 0;

    private static void WriteSequence(long sequence, Span<byte> target)
    {
        if (sequence is < 0 or > MaxSequence)
        {
            throw new ArgumentOutOfRangeException(nameof(sequence), sequence, $"Sequence is {sequence}; 0 to {MaxSequence} are allowed.");
        }

        Utf8Formatter.TryFormat(sequence, target, out _, new StandardFormat('D', SequenceLength));
    }
}
