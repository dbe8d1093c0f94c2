namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>How much waits in the command queue.</summary>
internal interface IQueueDepth
{
    /// <summary>Counts; null when the queue does not exist yet.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    Task<long?> CountAsync(CancellationToken cancellationToken);

    /// <summary>Counts what the broker gave up; null when there is no queue for it.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    Task<long?> CountDeadAsync(CancellationToken cancellationToken);
}
