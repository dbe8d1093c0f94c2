using Google.Protobuf;

namespace AsyncCheckpoints.Tests.Wire;

internal static class MessageParserExtensions
{
    /// <summary>The message; null where the bytes are none.</summary>
    public static T? TryParse<T>(this MessageParser<T> parser, ReadOnlyMemory<byte> bytes)
        where T : class, IMessage<T>
    {
        try
        {
            return parser.ParseFrom(bytes.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
