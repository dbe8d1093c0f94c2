using AsyncCheckpoints.Worker.Archiving;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>The queue of this process: what waits for the next transaction.</summary>
internal sealed class InProcessQueueDepth(ArchiveWriter writer) : IQueueDepth
{
    public Task<QueueCounts> CountAsync(CancellationToken cancellationToken) => Task.FromResult(new QueueCounts(writer.WaitingItems, null));

    public Task<long?> CountDeadAsync(CancellationToken cancellationToken) => Task.FromResult<long?>(null);
}
