using MassTransit;
using MassTransit.RabbitMqTransport;

namespace AsyncCheckpoints.Messaging;

/// <summary>
/// Takes messages off a channel that is lost as cancelled. MassTransit (8.4) would try to acknowledge them, and answer the
/// failure by closing the channel from inside the consumer; RabbitMQ.Client 7.1 then waits for that consumer to end before
/// it tells anybody that the connection is lost, and nothing ever connects again. The broker delivers them again.
/// </summary>
internal sealed class LostChannelGuard : IReceiveObserver, IFilter<ReceiveContext>
{
    public static LostChannelGuard Instance { get; } = new();

    public Task PreReceive(ReceiveContext context)
    {
        ThrowIfLost(context);
        return Task.CompletedTask;
    }

    public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        await next.Send(context);
        await context.ReceiveCompleted;
        ThrowIfLost(context);
    }

    public Task PostReceive(ReceiveContext context) => Task.CompletedTask;

    public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
        where T : class => Task.CompletedTask;

    public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
        where T : class => Task.CompletedTask;

    public Task ReceiveFault(ReceiveContext context, Exception exception) => Task.CompletedTask;

    public void Probe(ProbeContext context) => context.CreateFilterScope("lostChannel");

    private static void ThrowIfLost(ReceiveContext context)
    {
        if (context.TryGetPayload(out ChannelContext? channel) && channel.Channel.IsClosed)
        {
            throw new OperationCanceledException("The channel is lost; the message will be delivered again.");
        }
    }
}
