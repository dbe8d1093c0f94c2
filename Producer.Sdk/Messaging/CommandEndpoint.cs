using AsyncCheckpoints.Contracts;
using MassTransit;

namespace AsyncCheckpoints.Messaging;

/// <summary>Where commands are sent to.</summary>
/// <param name="GetAsync">Finds the endpoint on a bus.</param>
internal sealed record CommandEndpoint(Func<IBus, Task<ISendEndpoint>> GetAsync)
{
    /// <summary>RabbitMQ: the exchange whose topology declares the queue behind it.</summary>
    public static CommandEndpoint RabbitMq { get; } = new(bus => bus.GetPublishSendEndpoint<CheckpointCommands>());

    /// <summary>In this process: the queue itself.</summary>
    /// <param name="names">The names.</param>
    public static CommandEndpoint InProcess(QueueNames names) => new(bus => bus.GetSendEndpoint(new Uri($"queue:{names.Commands}")));
}
