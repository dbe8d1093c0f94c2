using System.Text;
using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace AsyncCheckpoints.Worker.Doctor;

/// <summary>
/// RabbitMQ: version, and the command queue. The broker itself compares the queue with what the worker would declare;
/// a queue that does not exist yet is made by whoever comes first.
/// </summary>
internal static class RabbitMqCheckup
{
    private const string Part = "rabbitmq";
    private static readonly Version Oldest = new(3, 10);

    public static async Task<IReadOnlyList<Finding>> RunAsync(string uri, QueueNames names, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        await using var connection = await new ConnectionFactory { Uri = new Uri(uri), ClientProvidedName = "AsyncCheckpoints doctor" }.CreateConnectionAsync(cancellationToken);
        var text = connection.ServerProperties?["version"] is byte[] bytes ? Encoding.UTF8.GetString(bytes) : "";
        findings.Add(Version.TryParse(text.Split('-', '+')[0], out var version) && version >= Oldest
            ? new Finding(Severity.Ok, Part, "version", text)
            : new Finding(Severity.Error, Part, "version", $"{text}; {Oldest} is the oldest that works.", "Upgrade it."));
        if (await CountAsync(connection, names.DeadCommands, cancellationToken) is > 0 and var dead)
        {
            findings.Add(new Finding(
                Severity.Warning,
                Part,
                "dead-commands",
                $"'{names.DeadCommands}' holds {dead} messages that were delivered too often.",
                $"Look why workers could not keep them, then move them back to '{names.Commands}' (what was archived already has no effect), or purge the queue."));
        }

        if (await CountAsync(connection, names.Commands, cancellationToken) is null)
        {
            findings.Add(new Finding(Severity.Ok, Part, "queue", $"'{names.Commands}' does not exist yet; the first client or worker makes it."));
            return findings;
        }

        findings.Add(await MismatchAsync(connection, names, cancellationToken) switch
        {
            null => new Finding(Severity.Ok, Part, "queue", $"'{names.Commands}' is a quorum queue with delivery limit {RabbitMqTopology.DeliveryLimit}."),
            { } reason when reason.Contains("x-queue-type", StringComparison.Ordinal) => new Finding(
                Severity.Error, Part, "queue-type", $"'{names.Commands}' is no quorum queue: {reason}", "Stop the clients, empty and delete the queue, and start a worker; it makes the right one."),
            { } reason when reason.Contains("x-delivery-limit", StringComparison.Ordinal) => new Finding(
                Severity.Error, Part, "delivery-limit", $"'{names.Commands}' has another delivery limit: {reason}", "Stop the clients, empty and delete the queue, and start a worker; it makes the right one."),
            { } reason => new Finding(
                Severity.Error, Part, "queue", $"'{names.Commands}' is not as the worker declares it: {reason}", "Stop the clients, empty and delete the queue, and start a worker; it makes the right one."),
        });
        return findings;
    }

    /// <summary>How many messages a queue has; null: there is no such queue.</summary>
    private static async Task<uint?> CountAsync(IConnection connection, string queue, CancellationToken cancellationToken)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            return (await channel.QueueDeclarePassiveAsync(queue, cancellationToken)).MessageCount;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 404 })
        {
            return null;
        }
    }

    private static async Task<string?> MismatchAsync(IConnection connection, QueueNames names, CancellationToken cancellationToken)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            await channel.QueueDeclareAsync(
                names.Commands,
                durable: true,
                exclusive: false,
                autoDelete: false,
                RabbitMqTopology.CommandQueueArguments(names).ToDictionary(pair => pair.Name, pair => (object?)pair.Value),
                cancellationToken: cancellationToken);
            return null;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 406 } reason)
        {
            return reason.ReplyText;
        }
    }
}
