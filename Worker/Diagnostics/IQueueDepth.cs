namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>How much is in the queues of commands.</summary>
internal interface IQueueDepth
{
    /// <summary>Counts both. One caller at a time.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    Task<QueueCounts> CountAsync(CancellationToken cancellationToken);

    /// <summary>Counts what the broker gave up; null when there is no queue for it.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    Task<long?> CountDeadAsync(CancellationToken cancellationToken);
}
