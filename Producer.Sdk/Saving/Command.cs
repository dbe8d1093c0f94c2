using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using Google.Protobuf;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// A command on its way to the broker, and the promise of how far it got. Order and content are fixed; whoever waits for
/// it may give up, which lets the sender drop it when nothing else depends on it.
/// </summary>
internal sealed class Command
{
    private readonly TaskCompletionSource<Durability> _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What it is.</summary>
    public required PendingKind Kind { get; init; }

    /// <summary>The checkpoint; for a clear only the execution.</summary>
    public required CheckpointKey Key { get; init; }

    /// <summary>Its place in the order.</summary>
    public required long Sequence { get; init; }

    /// <summary>Whether Redis has it, with its pending mark.</summary>
    public required bool IsCached { get; init; }

    /// <summary>The level to reach.</summary>
    public required Durability Wanted { get; init; }

    /// <summary>Whether a lower level than wanted is a failure.</summary>
    public bool IsStrict { get; init; }

    /// <summary>A save's checkpoint.</summary>
    public ReadOnlyMemory<byte> Record { get; init; }

    /// <summary>A save's cache policy.</summary>
    public CachePolicy? Policy { get; init; }

    /// <summary>The W3C trace context of the call.</summary>
    public string TraceParent { get; init; } = "";

    /// <summary>The room in the buffer that is given back when it is done.</summary>
    public required BufferBudget.Room Room { get; init; }

    /// <summary>Completes with the level that holds.</summary>
    public Task<Durability> Reached => _reached.Task;

    /// <summary>Whether it lies in this machine's spool.</summary>
    public bool IsSpooled { get; set; }

    /// <summary>Its caller was told that it failed, or stopped waiting.</summary>
    public bool IsGivenUp { get; private set; }

    /// <summary>Nobody waits any more and nothing was promised: it need not be sent.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>Redis has it, and that is enough: should the broker be away, the worker's rescuer takes it from there.</summary>
    public bool CanBeRescued => IsCached && (IsGivenUp || Wanted <= Durability.Cached || (Wanted == Durability.Queued && !IsStrict));

    /// <summary>Its caller stopped waiting; what Redis does not have goes on.</summary>
    public void GiveUp() => IsGivenUp = true;

    /// <summary>Its caller was told that it failed: what Redis does not have need not go on either.</summary>
    public void Abandon()
    {
        IsGivenUp = true;
        IsAbandoned = !IsCached;
    }

    /// <summary>It got this far.</summary>
    /// <param name="durability">The level.</param>
    public bool TryComplete(Durability durability) => _reached.TrySetResult(durability);

    /// <summary>It failed.</summary>
    /// <param name="exception">Why.</param>
    public bool TryFail(Exception exception)
    {
        var failed = _reached.TrySetException(exception);
        _ = _reached.Task.Exception; // Observed: not every command has somebody who waits.
        return failed;
    }

    /// <summary>Adds it to a message.</summary>
    /// <param name="message">The message.</param>
    public void AddTo(CheckpointCommands message)
    {
        switch (Kind)
        {
            case PendingKind.Save:
                message.Saves.Add(new SaveCheckpoint
                {
                    Sequence = Sequence,
                    Record = UnsafeByteOperations.UnsafeWrap(Record),
                    Cached = IsCached,
                    Cache = Policy,
                    Traceparent = TraceParent,
                });
                break;
            case PendingKind.Delete:
                message.Deletes.Add(new DeleteCheckpoint
                {
                    ExecutionId = Key.ExecutionId,
                    Namespace = Key.Namespace,
                    Id = Key.Id,
                    Sequence = Sequence,
                    Cached = IsCached,
                });
                break;
            default:
                message.Clears.Add(new ClearExecution { ExecutionId = Key.ExecutionId, Sequence = Sequence, Cached = IsCached });
                break;
        }
    }
}
