using AsyncCheckpoints.Contracts;
using MassTransit;

namespace AsyncCheckpoints.Messaging;

/// <summary>Where commands and reads are sent to.</summary>
/// <param name="GetCommandsAsync">Finds the endpoint of commands on a bus.</param>
/// <param name="Reads">The address of reads; null: their exchange, with the queue behind it.</param>
/// <param name="IsInProcess">The queues are in the memory of this process.</param>
internal sealed record Routes(Func<IBus, Task<ISendEndpoint>> GetCommandsAsync, Uri? Reads, bool IsInProcess = false)
{
    /// <summary>RabbitMQ: exchanges whose topology declares the queues behind them, so that nothing depends on who comes first.</summary>
    public static Routes RabbitMq { get; } = new(bus => bus.GetPublishSendEndpoint<CheckpointCommands>(), null);

    /// <summary>In this process: the queues themselves.</summary>
    /// <param name="names">The names.</param>
    public static Routes InProcess(QueueNames names) =>
        new(bus => bus.GetSendEndpoint(new Uri($"queue:{names.Commands}")), new Uri($"queue:{names.Reads}"), IsInProcess: true);
}
