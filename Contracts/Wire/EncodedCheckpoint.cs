namespace AsyncCheckpoints.Contracts;

/// <summary>A checkpoint in its stored and travelling form.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Record">An encoded <see cref="CheckpointRecord"/>.</param>
/// <param name="ContentHash">SHA-256 of the content (all but the time of creation): equal for equal content.</param>
internal sealed record EncodedCheckpoint(CheckpointKey Key, ReadOnlyMemory<byte> Record, ReadOnlyMemory<byte> ContentHash)
{
    /// <summary>The length of <see cref="ContentHash"/> in bytes.</summary>
    public const int ContentHashLength = 32;
}
