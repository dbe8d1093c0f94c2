using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>
/// Publishes what changed in the archive. While the broker is away its own publish waits and fails; of a channel that is
/// lost at a bad moment it may wait for ever.
/// </summary>
internal sealed class EventPublisher(ICheckpointBus bus) : IOutboxTarget
{
    public string Name => "Event delivery";

    public OutboxKind Kind => OutboxKind.Events;

    public TimeSpan Distance { get; } = TimeSpan.FromMilliseconds(25);

    public Task<bool> IsThereAsync(CancellationToken cancellationToken) => Task.FromResult(true);

    public Task DeliverAsync(IReadOnlyList<OutboxChange> changes, CancellationToken cancellationToken) =>
        bus.Publish(EventsOf(changes), cancellationToken).WaitAsync(cancellationToken);

    /// <summary>The events that changes are; the same each time.</summary>
    /// <param name="changes">What changed in the archive.</param>
    public static CheckpointEvents EventsOf(IReadOnlyList<OutboxChange> changes) => new()
    {
        Persisted =
        [
            .. changes.Where(change => !change.IsDeletion).Select(change => new CheckpointPersisted
            {
                EventId = EventId("persisted", change),
                ExecutionId = change.ExecutionId,
                Namespace = change.Namespace!,
                Id = change.Id!,
                Sequence = change.Sequence,
                NodeName = change.NodeName,
            }),
        ],
        Deleted =
        [
            .. changes.Where(change => change.IsDeletion).Select(change => new CheckpointDeleted
            {
                EventId = EventId("deleted", change),
                ExecutionId = change.ExecutionId,
                Namespace = change.Namespace,
                Id = change.Id,
                Sequence = change.Sequence,
            }),
        ],
    };

    // Escaped, so that no two keys make the same id.
    private static string EventId(string kind, OutboxChange change) => string.Join(
        ':',
        kind,
        Uri.EscapeDataString(change.ExecutionId),
        Uri.EscapeDataString(change.Namespace ?? "*"),
        Uri.EscapeDataString(change.Id ?? "*"),
        change.Sequence);
}
