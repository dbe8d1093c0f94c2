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

    public async Task DeliverAsync(IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken)
    {
        foreach (var deletion in changes.Where(change => change.IsDeletion).OrderBy(change => change.Sequence))
        {
            await refill.DeleteAsync(deletion.ExecutionId, deletion.Namespace, deletion.Id, deletion.Sequence, cancellationToken);
        }

        foreach (var stream in changes.Where(change => !change.IsDeletion).GroupBy(change => (change.ExecutionId, Namespace: change.Namespace!)))
        {
            await refill.RefillAsync(
                stream.Key.ExecutionId, stream.Key.Namespace, [.. stream.Select(change => (change.Id!, change.Sequence))], options.Value.Retention, cancellationToken);
        }
    }
}
