using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>How the values of <see cref="RedisLayout"/> are written and read.</summary>
internal static class RedisFormat
{
    /// <summary>Digits of a stored sequence, up to the largest, <see cref="CheckpointLimits.MaxSequence"/>.</summary>
    public const int SequenceLength = 16;

    /// <summary>Bytes before the record in a stored checkpoint.</summary>
    public const int HeaderLength = SequenceLength + EncodedCheckpoint.ContentHashLength;

    /// <summary>Separates the parts of keys and members; no id has it.</summary>
    public const byte Separator = 0x1F;

    /// <summary>The meta field of a stream's hash; no id can have this name.</summary>
    public static RedisValue MetaField { get; } = new byte[] { 1 };

    /// <summary>A checkpoint as the stream's hash holds it.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="sequence">Its sequence.</param>
    public static byte[] Payload(EncodedCheckpoint checkpoint, long sequence)
    {
        if (checkpoint.TakeBuffer() is { } buffer)
        {
            WriteSequence(sequence, buffer);
            return buffer;
        }

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
        if (parts.Length != 5 || !long.TryParse(parts[4], NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) || sequence > CheckpointLimits.MaxSequence)
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
        var mark = new PendingMark(kind ?? default, new CheckpointKey(parts[1], parts[2], parts[3]), sequence, default);

        // Written in another way (digits, text that is not UTF-8), it could never be settled.
        return kind is not null && member.AsSpan().SequenceEqual(Member(parts[0][0], mark.Key, sequence)) ? mark : null;
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

    /// <summary>Reads what a save returned.</summary>
    /// <param name="text">A sequence, also behind a "u", or "c" and an id, or "e" and what is wrong.</param>
    /// <exception cref="CheckpointException">Something is wrong, or it is none of these.</exception>
    public static CacheSave ReadSave(byte[] text) => text switch
    {
        [(byte)'c', .. var id] => new CacheSave(0, false, true, id.Length == 0 ? null : Encoding.UTF8.GetString(id)),
        [(byte)'e', .. var error] => throw RedisErrors.Answered(Encoding.UTF8.GetString(error)),
        [(byte)'u', .. var sequence] => new CacheSave(ReadSequence(sequence), true, false, null),
        _ => new CacheSave(ReadSequence(text), false, false, null),
    };

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
        if (sequence is < 0 or > CheckpointLimits.MaxSequence)
        {
            throw new ArgumentOutOfRangeException(nameof(sequence), sequence, $"Sequence is {sequence}; 0 to {CheckpointLimits.MaxSequence} are allowed.");
        }

        Utf8Formatter.TryFormat(sequence, target, out _, new StandardFormat('D', SequenceLength));
    }
}
