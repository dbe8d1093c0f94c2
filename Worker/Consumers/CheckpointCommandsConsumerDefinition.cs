using AsyncCheckpoints.Messaging;
using MassTransit;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// The command queue as <see cref="RabbitMqTopology"/> declares it. Group commit lives behind the consumer, so every
/// message that the broker hands out is consumed at the same time.
/// </summary>
internal sealed class CheckpointCommandsConsumerDefinition : ConsumerDefinition<CheckpointCommandsConsumer>
{
    private readonly WorkerOptions _options;
    private readonly QueueNames _names;

    public CheckpointCommandsConsumerDefinition(IOptions<WorkerOptions> options, IOptions<CheckpointOptions> checkpoints)
    {
        _options = options.Value;
        _names = new QueueNames(checkpoints.Value.Prefix);
        EndpointName = _names.Commands;
    }

    protected override void ConfigureConsumer(
        IReceiveEndpointConfigurator endpoint, IConsumerConfigurator<CheckpointCommandsConsumer> consumer, IRegistrationContext context)
    {
        endpoint.PrefetchCount = _options.Prefetch;
        endpoint.ConcurrentMessageLimit = _options.Prefetch;
        endpoint.ConfigureConsumeTopology = false;

        // Nobody listens to them, and they hold the message once more, as JSON.
        endpoint.PublishFaults = false;
        endpoint.ConfigureReceive(pipe => pipe.UseFilter(LostChannelGuard.Instance));
        var unreadable = new UnreadableMessageFilter(context.GetRequiredService<CommandIntake>());
        endpoint.ConfigureError(pipe => pipe.UseFilter(unreadable));
        endpoint.ConfigureDeadLetter(pipe => pipe.UseFilter(unreadable));
        if (endpoint is IRabbitMqReceiveEndpointConfigurator rabbit)
        {
            foreach (var (name, value) in RabbitMqTopology.CommandQueueArguments(_names))
            {
                rabbit.SetQueueArgument(name, value);
            }
        }
    }
}
