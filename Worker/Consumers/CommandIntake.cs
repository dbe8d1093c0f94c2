using AsyncCheckpoints.Worker.Archiving;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>The way of every message into the archive: counted while it is in hand, given back when the gate closes.</summary>
internal sealed class CommandIntake(ArchiveWriter writer, ConsumptionGate gate, ConsumptionWatch watch)
{
    /// <summary>Archives; completes when the transaction has committed.</summary>
    /// <param name="commands">What to archive.</param>
    /// <param name="cancellationToken">The message's: withdraws what is not being committed yet.</param>
    public async Task WriteAsync(IncomingCommands commands, CancellationToken cancellationToken)
    {
        watch.Began();
        try
        {
            using var withdrawn = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, gate.Closing);
            await writer.WriteAsync(commands, withdrawn.Token);
        }
        finally
        {
            watch.Ended();
        }
    }
}
