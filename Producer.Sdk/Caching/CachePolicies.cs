using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Caching;

/// <summary>A stream's retention as commands carry it.</summary>
internal static class CachePolicies
{
    /// <summary>To the wire.</summary>
    /// <param name="retention">The retention.</param>
    public static CachePolicy ToWire(CacheRetention retention) => new()
    {
        TtlMs = retention.Ttl is { } ttl ? (long)ttl.TotalMilliseconds : 0, Sliding = retention.Sliding, MaxPerStream = retention.MaxPerStream,
    };

    /// <summary>From the wire; what makes no sense there counts as not set.</summary>
    /// <param name="policy">The policy, if any.</param>
    public static CacheRetention FromWire(CachePolicy? policy) => policy is null
        ? default
        : new CacheRetention(
            policy.TtlMs is > 0 and < 315_360_000_000 ? TimeSpan.FromMilliseconds(policy.TtlMs) : null,
            policy.Sliding,
            Math.Max(0, policy.MaxPerStream));
}
