using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Spooling;

/// <summary>A durable place on this machine for messages that the broker does not take. Thread-safe.</summary>
internal interface ICommandSpool
{
    /// <summary>Whether there is such a place.</summary>
    bool IsEnabled { get; }

    /// <summary>Whether it has been opened and nothing waits in it.</summary>
    bool IsEmpty { get; }

    /// <summary>Size of what waits in it; null while it has not been opened.</summary>
    long? Bytes { get; }

    /// <summary>Completes when something has been added since the last call.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    Task WaitForMoreAsync(CancellationToken cancellationToken);

    /// <summary>Keeps a message.</summary>
    /// <param name="message">The message.</param>
    /// <returns>True: it is on disk. False: it is not (full, disk full, broken); the log says why.</returns>
    Task<bool> TryAppendAsync(CheckpointCommands message);

    /// <summary>The oldest messages, in their order; a message that cannot be read is put aside.</summary>
    /// <param name="maxMessages">The most that are wanted; large ones come fewer at a time.</param>
    /// <returns>None when the spool is empty.</returns>
    /// <exception cref="AsyncCheckpoints.CheckpointUnavailableException">It cannot be read; the log says why.</exception>
    Task<IReadOnlyList<SpooledMessage>> PeekAsync(int maxMessages);

    /// <summary>Removes messages that the broker has taken.</summary>
    /// <param name="messages">All that a peek returned.</param>
    /// <exception cref="AsyncCheckpoints.CheckpointUnavailableException">It cannot be written; the log says why.</exception>
    Task RemoveAsync(IReadOnlyList<SpooledMessage> messages);
}
