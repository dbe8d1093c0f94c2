using System.Diagnostics.CodeAnalysis;
using System.Net.Mime;
using System.Reflection;
using System.Runtime.Serialization;
using Google.Protobuf;
using MassTransit;
using MassTransit.Serialization;

namespace AsyncCheckpoints.Contracts;

internal sealed class ProtobufMessageSerializer : RawMessageSerializer, IMessageSerializer, IMessageDeserializer
{
    private const RawSerializerOptions Options = RawSerializerOptions.AddTransportHeaders | RawSerializerOptions.CopyHeaders;

    public ContentType ContentType => WireFormat.ContentType;

    public MessageBody GetMessageBody<T>(SendContext<T> context)
        where T : class
    {
        if (context.Message is not IMessage message)
        {
            // Events and MassTransit's own messages (faults) keep its JSON envelope.
            context.Serializer = SystemTextJsonMessageSerializer.Instance;
            return context.Serializer.GetMessageBody(context);
        }

        SetRawMessageHeaders(context);
        return new BytesMessageBody(message.ToByteArray());
    }

    public ConsumeContext Deserialize(ReceiveContext receiveContext) => new BodyConsumeContext(
        receiveContext, Deserialize(receiveContext.Body, receiveContext.TransportHeaders, receiveContext.InputAddress));

    public SerializerContext Deserialize(MessageBody body, Headers headers, Uri? destinationAddress = null) =>
        new ProtobufSerializerContext(body, new RawMessageContext(headers, destinationAddress, Options), headers.GetMessageTypes());

    public MessageBody GetMessageBody(string text) => throw new NotSupportedException("A message of checkpoints.proto is not text.");

    public void Probe(ProbeContext context)
    {
        var scope = context.CreateScope("protobuf");
        scope.Add("contentType", ContentType.MediaType);
    }

    /// <summary>
    /// Parses the body when a consumer asks for its type. A message without type header (sent by another program) is
    /// taken for whatever the endpoint consumes.
    /// </summary>
    private sealed class ProtobufSerializerContext(MessageBody body, MessageContext context, string[] messageTypes)
        : BaseSerializerContext(SystemTextJsonMessageSerializer.Instance, context, messageTypes)
    {
        public override bool IsSupportedMessageType<T>()
            where T : class => IsSupportedMessageType(typeof(T));

        public override bool IsSupportedMessageType(Type messageType) =>
            ParserOf(messageType) is not null && (SupportedMessageTypes.Length == 0 || base.IsSupportedMessageType(messageType));

        public override bool TryGetMessage<T>(out T? message)
            where T : class
        {
            message = IsSupportedMessageType<T>() && TryGetMessage(typeof(T), out var parsed) ? (T)parsed : null;
            return message is not null;
        }

        public override bool TryGetMessage(Type messageType, [NotNullWhen(true)] out object? message)
        {
            if (ParserOf(messageType) is not { } parser)
            {
                message = null;
                return false;
            }

            try
            {
                // The command queue's messages are large, and so many are in hand that a copy would count.
                message = messageType == typeof(CheckpointCommands) ? FieldsInPlace.ReadCommands(body.GetBytes()) : parser.ParseFrom(body.GetBytes());
                return true;
            }
            catch (InvalidProtocolBufferException e)
            {
                throw new SerializationException($"The body ({body.Length} bytes) is not a {messageType.Name}: {e.Message}", e);
            }
        }

        public override IMessageSerializer GetMessageSerializer() => new CopyBodySerializer(WireFormat.ContentType, body);

        public override IMessageSerializer GetMessageSerializer<T>(MessageEnvelope envelope, T message) => new ProtobufMessageSerializer();

        public override IMessageSerializer GetMessageSerializer(object message, string[] messageTypes) => new ProtobufMessageSerializer();

        public override Dictionary<string, object> ToDictionary<T>(T? message)
            where T : class => throw new NotSupportedException("A message of checkpoints.proto is not a dictionary.");

        private static MessageParser? ParserOf(Type messageType) => typeof(IMessage).IsAssignableFrom(messageType)
            ? messageType.GetProperty("Parser", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) as MessageParser
            : null;
    }
}
