using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>Where outbox entries of a kind go: the bus, or Redis.</summary>
internal interface IOutboxTarget
{
    /// <summary>The duty's name, for logs.</summary>
    string Name { get; }

    /// <summary>The kind.</summary>
    OutboxKind Kind { get; }

    /// <summary>The least time between two rounds: each is two transactions, however little it finds.</summary>
    TimeSpan Distance { get; }

    /// <summary>Whether it is worth while to claim entries now.</summary>
    /// <param name="cancellationToken">Stops the question.</param>
    Task<bool> IsThereAsync(CancellationToken cancellationToken);

    /// <summary>Delivers changes; doing it again changes nothing.</summary>
    /// <param name="changes">What changed in the archive.</param>
    /// <param name="cancellationToken">Stops it.</param>
    Task DeliverAsync(IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken);
}
