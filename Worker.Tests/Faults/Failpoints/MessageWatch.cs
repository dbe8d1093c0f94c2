using AsyncCheckpoints.Contracts;
using MassTransit;

namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>Sees the messages of the worker's two buses.</summary>
internal sealed class MessageWatch(Failpoint failpoint) : IConsumeMessageObserver<CheckpointCommands>, IReceiveObserver, IPublishObserver
{
    /// <summary>Whether a message has been acknowledged.</summary>
    public bool HasAcknowledged { get; private set; }

    /// <summary>Whether outbox entries have been claimed and nothing of them is sent. One round claims and sends at a time.</summary>
    public bool HasClaimed { get; set; }

    public Task PreConsume(ConsumeContext<CheckpointCommands> context)
    {
        failpoint.Reached(WorkerStep.Received);
        return Task.CompletedTask;
    }

    public Task PostConsume(ConsumeContext<CheckpointCommands> context)
    {
        failpoint.Reached(WorkerStep.BeforeAcknowledgement);
        return Task.CompletedTask;
    }

    // Not when the claim returns: whatever may stand between the claim and the sending has happened by now.
    public Task PrePublish<T>(PublishContext<T> context)
        where T : class
    {
        if (typeof(T) == typeof(CheckpointEvents) && HasClaimed)
        {
            HasClaimed = false;
            failpoint.Reached(WorkerStep.OutboxClaimed);
        }

        return Task.CompletedTask;
    }

    public Task PostPublish<T>(PublishContext<T> context)
        where T : class
    {
        if (typeof(T) == typeof(CheckpointEvents))
        {
            failpoint.Reached(WorkerStep.Sent);
        }

        return Task.CompletedTask;
    }

    /// <summary>Behind the acknowledgement.</summary>
    public Task PostReceive(ReceiveContext context)
    {
        HasAcknowledged = true;
        return Task.CompletedTask;
    }

    public Task ConsumeFault(ConsumeContext<CheckpointCommands> context, Exception exception) => Task.CompletedTask;

    public Task PreReceive(ReceiveContext context) => Task.CompletedTask;

    public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
        where T : class => Task.CompletedTask;

    public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
        where T : class => Task.CompletedTask;

    public Task ReceiveFault(ReceiveContext context, Exception exception) => Task.CompletedTask;

    public Task PublishFault<T>(PublishContext<T> context, Exception exception)
        where T : class => Task.CompletedTask;
}
