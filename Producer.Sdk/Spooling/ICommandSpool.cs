using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Spooling;

/// <summary>A durable place on this machine for messages that the broker does not take. Thread-safe.</summary>
internal interface ICommandSpool
{
    /// <summary>Whether there is such a place.</summary>
    bool IsEnabled { get; }

    /// <summary>Whether something waits in it.</summary>
    bool IsEmpty { get; }

    /// <summary>Size of what waits in it.</summary>
    long Bytes { get; }

    /// <summary>Completes when something has been added since the last call.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task WaitForMoreAsync(CancellationToken cancellationToken);

    /// <summary>Keeps a message.</summary>
    /// <param name="message">The message.</param>
    /// <returns>True: it is on disk. False: it is not (full, disk full, broken); the log says why.</returns>
    Task<bool> TryAppendAsync(CheckpointCommands message);

    /// <summary>The oldest message.</summary>
    /// <returns>Null when there is none. A message that cannot be read is put aside and the next one is returned.</returns>
    Task<SpooledMessage?> PeekAsync();

    /// <summary>Removes a message that the broker has taken.</summary>
    /// <param name="id">Its id.</param>
    Task RemoveAsync(long id);
}
