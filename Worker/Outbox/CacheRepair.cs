using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>Brings to Redis what was saved or deleted while Redis was away.</summary>
internal sealed class CacheRepair(CacheRefill refill, IOptions<CheckpointOptions> options)
{
    /// <summary>Applies changes; doing it again changes nothing.</summary>
    /// <param name="changes">What changed in the archive.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task ApplyAsync(IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken)
    {
        foreach (var deletion in changes.Where(change => change.IsDeletion).OrderBy(change => change.Sequence))
        {
            await refill.DeleteAsync(deletion.ExecutionId, deletion.Namespace, deletion.Id, deletion.Sequence, cancellationToken);
        }

        foreach (var stream in changes.Where(change => !change.IsDeletion).GroupBy(change => (change.ExecutionId, Namespace: change.Namespace!)))
        {
            await refill.RefillAsync(
                stream.Key.ExecutionId, stream.Key.Namespace, stream.Min(change => change.Sequence), options.Value.Retention, cancellationToken);
        }
    }
}
