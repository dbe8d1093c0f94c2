using AsyncCheckpoints.Messaging;
using MassTransit;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// Answers to the senders of messages. They leave by the bus that publishes: on the channel that consumes, an answer that
/// cannot leave holds its message, and with it the end of a channel that is lost already.
/// On RabbitMQ they go through the default exchange straight to the sender's queue: the broker drops what is for a sender
/// that has gone. MassTransit's own way is an exchange of the sender's that vanishes with it, and publishing to that
/// closes the channel.
/// </summary>
internal sealed class Answers(ICheckpointBus bus, ILogger<Answers> logger)
{
    // MassTransit's name for the default exchange, with the queue as routing key.
    private static readonly Uri DefaultExchange = new("exchange:amq.rabbitmq.reply-to");

    // Longer than that nobody waits for one; by then it was asked again.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Answers a message, if it asks for an answer. An answer that cannot leave is logged and given up.</summary>
    /// <typeparam name="TAnswer">The answer's type.</typeparam>
    /// <param name="context">The message.</param>
    /// <param name="answer">The answer.</param>
    /// <returns>Ends when the answer has left or was given up.</returns>
    public Task SendAsync<TAnswer>(ConsumeContext context, TAnswer answer)
        where TAnswer : class
        => context.ResponseAddress is { } address
            ? SendAsync(address, context.RequestId, context.TryGetPayload(out RabbitMqBasicConsumeContext? _), answer)
            : Task.CompletedTask;

    private async Task SendAsync<TAnswer>(Uri address, Guid? requestId, bool isRabbitMq, TAnswer answer)
        where TAnswer : class
    {
        try
        {
            using var patience = new CancellationTokenSource(Patience);
            var endpoint = await bus.GetSendEndpoint(isRabbitMq ? DefaultExchange : address);
            await endpoint.Send(
                answer,
                Pipe.Execute<SendContext<TAnswer>>(send =>
                {
                    send.RequestId = requestId;
                    if (isRabbitMq)
                    {
                        send.SetRoutingKey(Uri.UnescapeDataString(address.Segments[^1]));
                        send.Durable = false;
                    }
                }),
                patience.Token).WaitAsync(patience.Token);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Log.AnswerFailed(logger, e);
        }
    }
}
