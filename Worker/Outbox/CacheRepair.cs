using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>Brings to Redis what was saved or deleted while Redis was away.</summary>
internal sealed class CacheRepair(CacheLink cache, ICheckpointArchive archive, IOptions<CheckpointOptions> options)
{
    private readonly CacheRetention _retention = options.Value.Retention;

    /// <summary>Applies changes; doing it again changes nothing.</summary>
    /// <param name="changes">What changed in the archive.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task ApplyAsync(IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken)
    {
        foreach (var change in changes.OrderBy(change => change.Sequence))
        {
            if (change.IsDeletion)
            {
                await DeleteAsync(change, cancellationToken);
            }
            else
            {
                await PutAsync(change, cancellationToken);
            }
        }
    }

    private async Task DeleteAsync(OutboxChange change, CancellationToken cancellationToken) => await cache.CallAsync(
        static (cache, call, cancellationToken) => call.Change is { Namespace: { } ns, Id: { } id }
            ? cache.DeleteAsync(new CheckpointKey(call.Change.ExecutionId, ns, id), call.Change.Sequence, true, call.Retention, cancellationToken)
            : cache.ClearAsync(call.Change.ExecutionId, call.Change.Sequence, true, call.Retention, cancellationToken),
        (Change: change, Retention: options.Value.TombstoneRetention),
        cancellationToken);

    /// <summary>
    /// Into its place, even behind newer ones, so that the cached part of the stream has no hole; the mark that this
    /// takes is settled at once.
    /// </summary>
    private async Task PutAsync(OutboxChange change, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery { ExecutionId = change.ExecutionId, Namespace = change.Namespace, Limit = 1 };
        var page = await archive.FindAsync(query, change.Id, null, long.MaxValue, cancellationToken);
        if (page.Items is not [{ } checkpoint] || checkpoint.Sequence != change.Sequence)
        {
            return; // Deleted or saved again since; that has a way of its own.
        }

        await cache.CallAsync(
            static async (cache, call, cancellationToken) =>
            {
                await cache.PutAsync(CheckpointCodec.Encode(call.Checkpoint), call.Checkpoint.Sequence, call.Retention, true, cancellationToken);
                return await cache.SettleAsync(
                    [new PendingMark(PendingKind.Save, call.Checkpoint.Key, call.Checkpoint.Sequence, call.Retention)], cancellationToken);
            },
            (Checkpoint: checkpoint, Retention: _retention),
            cancellationToken);
    }
}
