using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>Puts anything on the command queue.</summary>
internal static class RawQueue
{
    public static async Task PublishAsync(FaultLab lab, params IReadOnlyCollection<(string ContentType, byte[] Body)> messages)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(lab.Servers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        foreach (var (contentType, body) in messages)
        {
            var properties = new BasicProperties { ContentType = contentType, Persistent = true };
            await channel.BasicPublishAsync(new QueueNames(lab.Prefix).Commands, "", mandatory: true, properties, body);
        }
    }
}
