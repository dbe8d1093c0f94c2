using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Brings to Redis what it has lost or was not there to take. What goes there is what the archive has, newest first: a
/// save that has been deleted or saved again since does not come back, the latest is right from the first step on, and
/// the cached part of a stream has no hole. Doing it again changes nothing.
/// </summary>
internal sealed class CacheRefill(CacheLink cache, ICheckpointArchive archive, IOptions<CheckpointOptions> options)
{
    private const int PageSize = 100;
    private const long PageBytes = 8 * 1024 * 1024;

    /// <summary>The newest of a stream, and whatever the cached part lacks from a sequence on.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="from">The lowest sequence that may be missing.</param>
    /// <param name="policy">The stream's policy.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>How many checkpoints Redis took.</returns>
    public async Task<int> RefillAsync(string executionId, string ns, long from, CacheRetention policy, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery { ExecutionId = executionId, Namespace = ns, Limit = PageSize, AfterSequence = from - 1 };
        ListPosition? after = null;
        var taken = 0;
        while (true)
        {
            var page = await archive.FindAsync(query, null, after, PageBytes, cancellationToken);
            foreach (var checkpoint in page.Items)
            {
                var put = await cache.CallAsync(
                    static (cache, call, cancellationToken) =>
                        cache.PutAsync(CheckpointCodec.Encode(call.Checkpoint), call.Checkpoint.Sequence, call.Policy, false, cancellationToken),
                    (Checkpoint: checkpoint, Policy: policy),
                    cancellationToken);
                taken += put == CachePut.Taken ? 1 : 0;
            }

            if (!page.HasMore || page.Items.Count == 0)
            {
                return taken;
            }

            after = ListPosition.Of(page.Items[^1]);
        }
    }

    /// <summary>A deletion that the archive has.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="ns">The namespace; null: the whole execution.</param>
    /// <param name="id">The checkpoint; null: the whole execution.</param>
    /// <param name="sequence">Up to which sequence it applies.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task DeleteAsync(string executionId, string? ns, string? id, long sequence, CancellationToken cancellationToken) =>
        await cache.CallAsync(
            static (cache, call, cancellationToken) => call.Namespace is not null && call.Id is not null
                ? cache.DeleteAsync(new CheckpointKey(call.ExecutionId, call.Namespace, call.Id), call.Sequence, true, call.Retention, cancellationToken)
                : cache.ClearAsync(call.ExecutionId, call.Sequence, true, call.Retention, cancellationToken),
            (ExecutionId: executionId, Namespace: ns, Id: id, Sequence: sequence, Retention: options.Value.TombstoneRetention),
            cancellationToken);
}
