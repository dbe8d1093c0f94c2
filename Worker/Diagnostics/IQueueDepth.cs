namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>How much waits in the command queue.</summary>
internal interface IQueueDepth
{
    /// <summary>Counts; null when the queue does not exist yet.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    Task<long?> CountAsync(CancellationToken cancellationToken);
}
