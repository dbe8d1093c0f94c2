using AsyncCheckpoints.Messaging;
using MassTransit;
using MassTransit.Middleware;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>The queue of reads. A request that nobody answers in time is worth nothing, so it is not a quorum queue.</summary>
internal sealed class FindConsumerDefinition : ConsumerDefinition<FindConsumer>
{
    public FindConsumerDefinition(IOptions<CheckpointOptions> checkpoints)
    {
        EndpointName = new QueueNames(checkpoints.Value.Prefix).Reads;
        ConcurrentMessageLimit = 32;
    }

    protected override void ConfigureConsumer(
        IReceiveEndpointConfigurator endpoint, IConsumerConfigurator<FindConsumer> consumer, IRegistrationContext context)
    {
        endpoint.PrefetchCount = 64;
        endpoint.ConfigureConsumeTopology = false;
        endpoint.ConfigureReceive(pipe => pipe.UseFilter(LostChannelGuard.Instance));
        // Without MassTransit's faults: the consumer says what went wrong.
        endpoint.ConfigureError(pipe => pipe.UseFilter(new DiscardErrorTransportFilter()));
        endpoint.DiscardSkippedMessages();
    }
}
