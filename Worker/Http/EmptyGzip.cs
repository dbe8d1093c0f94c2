namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Nothing, compressed. A GZipStream that nothing was written to writes nothing, not even a header, and no program takes
/// that for a gzip file. <see href="https://www.rfc-editor.org/rfc/rfc1952"/>
/// </summary>
internal static class EmptyGzip
{
    /// <summary>A member: ten bytes of header, an empty block, checksum and length.</summary>
    public static ReadOnlyMemory<byte> Bytes { get; } = new byte[] { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
}
