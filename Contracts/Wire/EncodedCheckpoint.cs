namespace AsyncCheckpoints.Contracts;

/// <summary>A checkpoint in its stored and travelling form.</summary>
internal sealed class EncodedCheckpoint(CheckpointKey key, ReadOnlyMemory<byte> record, ReadOnlyMemory<byte> contentHash, byte[]? buffer = null)
{
    /// <summary>The length of a sequence as Redis stores it: decimal digits.</summary>
    public const int SequenceLength = 16;

    /// <summary>The length of <see cref="ContentHash"/> in bytes.</summary>
    public const int ContentHashLength = 32;

    /// <summary>What stands before the record in Redis: sequence and content hash.</summary>
    public const int HeaderLength = SequenceLength + ContentHashLength;

    private byte[]? _buffer = buffer;

    /// <summary>Its key.</summary>
    public CheckpointKey Key => key;

    /// <summary>An encoded <see cref="CheckpointRecord"/>.</summary>
    public ReadOnlyMemory<byte> Record => record;

    /// <summary>SHA-256 of the content (all but the time of creation): equal for equal content.</summary>
    public ReadOnlyMemory<byte> ContentHash => contentHash;

    /// <summary>
    /// Once: the buffer that hash and record lie in, with room for the sequence in front, so that nothing has to be
    /// copied. Null when it was taken before: its sequence belongs to whoever has it.
    /// </summary>
    public byte[]? TakeBuffer() => Interlocked.Exchange(ref _buffer, null);
}
