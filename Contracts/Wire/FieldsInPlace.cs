using Google.Protobuf;
using static Google.Protobuf.WireFormat;

namespace AsyncCheckpoints.Contracts;

/// <summary>
/// Reads encoded messages whose large fields are left where they are: what is read shares the memory of the encoded
/// message. The library, which copies, reads everything else, and judges what is not well formed.
/// </summary>
internal static class FieldsInPlace
{
    /// <summary>Reads commands; their records share the memory of the message.</summary>
    /// <param name="encoded">An encoded <see cref="CheckpointCommands"/>; not changed as long as the result is in use.</param>
    /// <exception cref="InvalidProtocolBufferException">The bytes are none.</exception>
    public static CheckpointCommands ReadCommands(ReadOnlyMemory<byte> encoded)
    {
        var commands = new CheckpointCommands();
        Merge(commands, encoded, CheckpointCommands.SavesFieldNumber, static (commands, bytes) =>
        {
            var save = new SaveCheckpoint();
            Merge(save, bytes, SaveCheckpoint.RecordFieldNumber, static (save, record) => save.Record = UnsafeByteOperations.UnsafeWrap(record));
            commands.Saves.Add(save);
        });
        return commands;
    }

    /// <summary>Reads a record; its state shares the memory of the record.</summary>
    /// <param name="encoded">An encoded <see cref="CheckpointRecord"/>; not changed as long as the result is in use.</param>
    /// <exception cref="InvalidProtocolBufferException">The bytes are none.</exception>
    public static CheckpointRecord ReadRecord(ReadOnlyMemory<byte> encoded)
    {
        var record = new CheckpointRecord();
        Merge(record, encoded, CheckpointRecord.StateFieldNumber, static (record, state) => record.State = UnsafeByteOperations.UnsafeWrap(state));
        return record;
    }

    /// <summary>Merges a message; the values of one field, which have a length, are taken in their place and order.</summary>
    private static void Merge<T>(T message, ReadOnlyMemory<byte> encoded, int field, Action<T, ReadOnlyMemory<byte>> take)
        where T : IMessage
    {
        var (taken, start) = (0, 0);
        while (TryReadField(encoded.Span, start) is var (tag, value, end))
        {
            if (tag == MakeTag(field, WireType.LengthDelimited))
            {
                MergeCopy(encoded.Span[taken..start]);
                take(message, encoded[value..end]);
                taken = end;
            }

            start = end;
        }

        MergeCopy(encoded.Span[taken..]);

        void MergeCopy(ReadOnlySpan<byte> part)
        {
            if (!part.IsEmpty)
            {
                message.MergeFrom(part);
            }
        }
    }

    /// <summary>The field at a position; null at the end, and for what the library has to judge.</summary>
    private static (uint Tag, int Value, int End)? TryReadField(ReadOnlySpan<byte> encoded, int at)
    {
        if (!TryReadVarint(encoded, ref at, out var tag) || tag > uint.MaxValue)
        {
            return null;
        }

        var length = 0UL;
        var isKnown = GetTagWireType((uint)tag) switch
        {
            WireType.Varint => TryReadVarint(encoded, ref at, out _),
            WireType.Fixed32 => (length = sizeof(uint)) > 0,
            WireType.Fixed64 => (length = sizeof(ulong)) > 0,
            WireType.LengthDelimited => TryReadVarint(encoded, ref at, out length),
            _ => false,
        };
        return isKnown && length <= (ulong)(encoded.Length - at) ? ((uint)tag, at, at + (int)length) : null;
    }

    private static bool TryReadVarint(ReadOnlySpan<byte> encoded, ref int at, out ulong value)
    {
        value = 0;
        for (var shift = 0; shift < 64 && at < encoded.Length; shift += 7)
        {
            var next = encoded[at++];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
