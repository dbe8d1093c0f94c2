using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>Puts anything on the command queue.</summary>
internal static class RawQueue
{
    public static async Task PublishAsync(string rabbitMq, string prefix, params IReadOnlyCollection<(string ContentType, byte[] Body)> messages)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(rabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        foreach (var (contentType, body) in messages)
        {
            var properties = new BasicProperties { ContentType = contentType, Persistent = true };
            await channel.BasicPublishAsync(new QueueNames(prefix).Commands, "", mandatory: true, properties, body);
        }
    }
}
