using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>Puts anything on the queues of commands.</summary>
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

    /// <summary>As if the broker had given them up. The queue may not be there yet.</summary>
    public static async Task PublishDeadAsync(string rabbitMq, string prefix, params IReadOnlyCollection<byte[]> bodies)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(rabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true));
        var queue = new QueueNames(prefix).DeadCommands;
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        foreach (var body in bodies)
        {
            await channel.BasicPublishAsync("", queue, mandatory: true, new BasicProperties { Persistent = true }, body);
        }
    }
}
