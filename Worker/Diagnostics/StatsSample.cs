namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>What was seen at a moment. A figure that could not be had is null, never an old one.</summary>
/// <param name="At">When.</param>
/// <param name="SavesPerSecond">
/// Saves since the sample before: what was archived and what the pending marks have grown by. Null while one of them is
/// not known.
/// </param>
/// <param name="ArchivedPerSecond">Checkpoints archived since the sample before, by all workers.</param>
/// <param name="LagSeconds">Age of the oldest pending mark.</param>
/// <param name="Pending">Pending marks.</param>
/// <param name="OutboxPending">Outbox entries that are not delivered.</param>
/// <param name="QueueDepth">What waits in the command queue.</param>
/// <param name="DeadCommands">Messages of commands that the broker gave up; null without a broker, too.</param>
/// <param name="DeadLetters">Dead letters.</param>
internal sealed record StatsSample(
    DateTimeOffset At,
    double? SavesPerSecond,
    double? ArchivedPerSecond,
    double? LagSeconds,
    long? Pending,
    long? OutboxPending,
    long? QueueDepth,
    long? DeadCommands,
    long? DeadLetters);
