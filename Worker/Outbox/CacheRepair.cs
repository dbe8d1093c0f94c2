using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>Brings to Redis what was saved or deleted while Redis was away.</summary>
internal sealed class CacheRepair(CacheRefill refill, CacheLink cache, IOptions<CheckpointOptions> options) : IOutboxTarget
{
    public string Name => "Cache repair";

    public OutboxKind Kind => OutboxKind.Cache;

    // Rare: every commit wakes it, for its events.
    public TimeSpan Distance { get; } = TimeSpan.FromMilliseconds(250);

    public async Task<bool> IsThereAsync(CancellationToken cancellationToken)
    {
        try
        {
            await cache.CallAsync(static (cache, _, cancellationToken) => cache.GetTimeAsync(cancellationToken), 0, cancellationToken);
            return true;
        }
        catch (CheckpointUnavailableException)
        {
            return false;
        }
    }

    // Many rows are delivered side by side: within one, a stream at a time.
    public Task DeliverAsync(IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken) =>
        refill.BringAsync([.. changes.Select(change => CacheRefill.MarkOf(change, options.Value.Retention))], parallelStreams: 1, cancellationToken);
}
