namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>The steps of the worker's cycle, in their order, and of a job.</summary>
public enum WorkerStep
{
    /// <summary>A message is in hand, nothing is done with it.</summary>
    Received,

    /// <summary>The transaction has everything in it and is about to commit.</summary>
    InboxWritten,

    /// <summary>The transaction has committed; nobody in the worker knows.</summary>
    Committed,

    /// <summary>The message is consumed and not acknowledged.</summary>
    BeforeAcknowledgement,

    /// <summary>Messages are acknowledged; their pending marks are in Redis.</summary>
    BeforePendingCleared,

    /// <summary>Outbox entries are leased, nothing of them is sent.</summary>
    OutboxClaimed,

    /// <summary>The broker has confirmed the first event message of a lease; others may be under way.</summary>
    Sent,

    /// <summary>All of a lease is sent and nothing of it is marked.</summary>
    BeforeMarked,

    /// <summary>A batch of a job has its effects, and the job's new position is about to be stored.</summary>
    BeforeJobPosition,
}
