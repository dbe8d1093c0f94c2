using AsyncCheckpoints.Contracts;
using Google.Protobuf;
using MassTransit;

namespace AsyncCheckpoints.Messaging;

/// <summary>
/// What client and worker declare on RabbitMQ, in the same words: whoever comes first makes the durable quorum queue, so
/// a save made before any worker has run is kept.
/// </summary>
internal static class RabbitMqTopology
{
    /// <summary>
    /// How often the broker delivers a message before it gives it up. It counts what comes back: when a worker dies or loses
    /// its connection with the message in hand, once for an archive that is away, however long, and every 20 minutes for one
    /// that takes others and not this message.
    /// </summary>
    public const int DeliveryLimit = 200;

    /// <summary>Host, serializers and message topology.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="uri">The broker.</param>
    /// <param name="names">The names.</param>
    public static void Configure(IRabbitMqBusFactoryConfigurator bus, Uri uri, QueueNames names)
    {
        bus.Host(uri, host =>
        {
            host.Heartbeat(TimeSpan.FromSeconds(10));

            // The most that RabbitMQ takes. A message above the client's limit would end its connection, come again and hold
            // up all behind it; one that can be read is refused with a reason.
            host.MaxMessageSize(512 * 1024 * 1024);
        });
        UseProtobuf(bus);
        bus.ConnectReceiveObserver(LostChannelGuard.Instance);
        bus.Message<CheckpointEvents>(message => message.SetEntityName(names.Events));
        UseExchange<CheckpointCommands>(bus, names.Commands, message =>
        {
            message.BindQueue(names.Commands, names.Commands, queue =>
            {
                foreach (var (name, value) in CommandQueueArguments(names))
                {
                    queue.SetQueueArgument(name, value);
                }
            });
            message.BindQueue(names.DeadCommands, names.DeadCommands, queue => queue.SetQueueArgument("x-queue-type", "quorum"));
        });
        UseExchange<FindCheckpoints>(bus, names.Reads, message => message.BindQueue(names.Reads, names.Reads));
        UseExchange<FindExecutions>(bus, names.Reads, message => message.BindQueue(names.Reads, names.Reads));
    }

    /// <summary>Makes protobuf the bus's format; what is not a protobuf message stays JSON.</summary>
    /// <param name="bus">The bus.</param>
    public static void UseProtobuf(IBusFactoryConfigurator bus)
    {
        bus.AddSerializer(new ProtobufSerializerFactory());
        bus.AddDeserializer(new ProtobufSerializerFactory());
    }

    /// <summary>The command queue: quorum, nothing dropped on its way to the dead.</summary>
    /// <param name="names">The names.</param>
    public static IEnumerable<(string Name, object Value)> CommandQueueArguments(QueueNames names) =>
    [
        ("x-queue-type", "quorum"),
        ("x-delivery-limit", DeliveryLimit),
        ("x-dead-letter-exchange", names.DeadCommands),
        ("x-dead-letter-strategy", "at-least-once"),
        ("x-overflow", "reject-publish"),
    ];

    private static void UseExchange<T>(
        IRabbitMqBusFactoryConfigurator bus, string exchange, Action<IRabbitMqMessagePublishTopologyConfigurator<T>> configure)
        where T : class, IMessage<T>, IDeepCloneable<T>
    {
        bus.Message<T>(message => message.SetEntityName(exchange));
        bus.Publish(configure);

        // The generated class implements these; they are not messages.
        bus.Publish<IMessage>(message => message.Exclude = true);
        bus.Publish<IBufferMessage>(message => message.Exclude = true);
        bus.Publish<IMessage<T>>(message => message.Exclude = true);
        bus.Publish<IDeepCloneable<T>>(message => message.Exclude = true);
    }
}
