namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>A background duty: one round at a time, which says what it did.</summary>
internal interface IDuty
{
    /// <summary>What to call it in the log.</summary>
    string Name { get; }

    /// <summary>The pause after a round that found nothing to do.</summary>
    TimeSpan Interval { get; }

    /// <summary>Whether its first round waits until the archive is reached and its schema is up to date.</summary>
    bool NeedsArchive => true;

    /// <summary>Does one round.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>How much was done; 0: nothing, wait.</returns>
    Task<int> RunOnceAsync(CancellationToken cancellationToken);

    /// <summary>Completes when there may be work before the interval is over.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task WaitForWorkAsync(CancellationToken cancellationToken) => Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
}
