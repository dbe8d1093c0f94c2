using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Tests;

internal static class WholeListing
{
    /// <summary>A page of a cache, however large.</summary>
    public static async Task<IReadOnlyList<CachedCheckpoint>> ListAsync(
        this ICheckpointCache cache, CheckpointQuery query, ListPosition? after, CancellationToken cancellationToken) =>
        (await cache.ListAsync(query, after, long.MaxValue, cancellationToken)).Items;
}
