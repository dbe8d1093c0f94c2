namespace AsyncCheckpoints.InProcess;

/// <summary>A deletion.</summary>
/// <param name="Sequence">Up to which sequence.</param>
/// <param name="ExpiresAt">In microseconds.</param>
internal readonly record struct CachedTombstone(long Sequence, long ExpiresAt);
