namespace AsyncCheckpoints.Worker.Jobs.Export;

/// <summary>
/// What a compressed file of nothing consists of. GZipStream writes not even a header when nothing was written to it, and
/// a file of no bytes is not gzip.
/// </summary>
internal static class EmptyGzip
{
    /// <summary>A gzip member without content (RFC 1952).</summary>
    public static ReadOnlyMemory<byte> Member { get; } = new byte[] { 0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
}
