using MassTransit;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// Answers to the senders of messages. On RabbitMQ they go through the default exchange straight to the sender's queue: an
/// answer to a sender that has gone is dropped by the broker. MassTransit's own way is an exchange of the sender's, which
/// vanishes with it; publishing to it would close the channel, and with it everything in hand would be delivered again.
/// </summary>
internal static class Answers
{
    // MassTransit's name for the default exchange, with the queue as routing key.
    private static readonly Uri DefaultExchange = new("exchange:amq.rabbitmq.reply-to");

    /// <summary>Answers a message that asks for it (has a response address).</summary>
    /// <typeparam name="TAnswer">The answer's type.</typeparam>
    /// <param name="context">The message.</param>
    /// <param name="answer">The answer.</param>
    public static async Task AnswerAsync<TAnswer>(this ConsumeContext context, TAnswer answer)
        where TAnswer : class
    {
        if (!context.TryGetPayload(out RabbitMqBasicConsumeContext? _) || context.ResponseAddress is not { } address)
        {
            await context.RespondAsync(answer);
            return;
        }

        var queue = Uri.UnescapeDataString(address.Segments[^1]);
        var endpoint = await context.GetSendEndpoint(DefaultExchange);
        await endpoint.Send(
            answer,
            Pipe.Execute<SendContext<TAnswer>>(send =>
            {
                send.RequestId = context.RequestId;
                send.SetRoutingKey(queue);
                send.Durable = false;
            }),
            context.CancellationToken);
    }
}
