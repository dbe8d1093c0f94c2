using System.Net.Mime;
using MassTransit;

namespace AsyncCheckpoints.Contracts;

/// <summary>
/// Makes MassTransit carry the messages of checkpoints.proto as plain Protocol Buffers: the body is the message and
/// nothing else, what MassTransit adds (ids, response address) travels in transport headers. Every other message keeps
/// MassTransit's JSON envelope.
/// </summary>
public sealed class ProtobufSerializerFactory : ISerializerFactory
{
    /// <inheritdoc />
    public ContentType ContentType => WireFormat.ContentType;

    /// <inheritdoc />
    public IMessageSerializer CreateSerializer() => new ProtobufMessageSerializer();

    /// <inheritdoc />
    public IMessageDeserializer CreateDeserializer() => new ProtobufMessageSerializer();
}
