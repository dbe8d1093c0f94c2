using System.Text;
using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace AsyncCheckpoints.Worker.Doctor;

/// <summary>
/// RabbitMQ: version, alarms, and the command queue. The broker itself compares the queue with what the worker would
/// declare; a queue that does not exist yet is made by whoever comes first.
/// </summary>
internal static class RabbitMqCheckup
{
    private const string Part = "rabbitmq";
    private static readonly Version Oldest = new(3, 10);
    private static readonly TimeSpan AlarmPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ClosePatience = TimeSpan.FromSeconds(1);

    public static async Task RunAsync(string uri, QueueNames names, List<Finding> findings, CancellationToken cancellationToken)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(uri), ClientProvidedName = "AsyncCheckpoints doctor" }.CreateConnectionAsync(cancellationToken);
        var text = connection.ServerProperties?["version"] is byte[] bytes ? Encoding.UTF8.GetString(bytes) : "";
        findings.Add(Version.TryParse(text.Split('-', '+')[0], out var version) && version >= Oldest
            ? new Finding(Severity.Ok, Part, "version", text)
            : new Finding(Severity.Error, Part, "version", $"{text}; {Oldest} is the oldest that works.", "Upgrade it."));
        findings.Add(await CheckAlarmsAsync(uri, cancellationToken));
        if (await CountAsync(connection, names.DeadCommands, cancellationToken) is { MessageCount: > 0 and var dead })
        {
            findings.Add(new Finding(
                Severity.Warning,
                Part,
                "dead-commands",
                $"'{names.DeadCommands}' holds {dead} messages that were delivered too often.",
                $"Look why workers could not keep them, then move them back to '{names.Commands}' (what was archived already has no effect), or purge the queue."));
        }

        if (await CountAsync(connection, names.Commands, cancellationToken) is not { } commands)
        {
            findings.Add(new Finding(Severity.Ok, Part, "queue", $"'{names.Commands}' does not exist yet; the first client or worker makes it."));
            return;
        }

        findings.Add(commands.ConsumerCount > 0 || commands.MessageCount == 0
            ? new Finding(Severity.Ok, Part, "consumers", $"{commands.ConsumerCount}, and {commands.MessageCount} messages wait.")
            : new Finding(
                Severity.Warning,
                Part,
                "consumers",
                $"Nobody consumes '{names.Commands}', and {commands.MessageCount} messages wait in it.",
                "Start a worker. One that runs has stopped consuming because its archive is away: its log says why (event 2001)."));

        findings.Add(await MismatchAsync(connection, names, cancellationToken) switch
        {
            { } reason when reason.Contains("ACCESS_REFUSED", StringComparison.Ordinal) => new Finding(
                Severity.Error,
                Part,
                "rights",
                $"Whether '{names.Commands}' is as the worker declares it cannot be asked: {reason}",
                "Give the user the rights to configure, write and read what the worker declares ('rabbitmqctl set_permissions'); it declares its queues whenever it starts."),
            null => new Finding(Severity.Ok, Part, "queue", $"'{names.Commands}' is a quorum queue with delivery limit {RabbitMqTopology.DeliveryLimit}."),
            { } reason when reason.Contains("x-queue-type", StringComparison.Ordinal) => new Finding(
                Severity.Error, Part, "queue-type", $"'{names.Commands}' is no quorum queue: {reason}", "Stop the clients, empty and delete the queue, and start a worker; it makes the right one."),
            { } reason when reason.Contains("x-delivery-limit", StringComparison.Ordinal) => new Finding(
                Severity.Error, Part, "delivery-limit", $"'{names.Commands}' has another delivery limit: {reason}", "Stop the clients, empty and delete the queue, and start a worker; it makes the right one."),
            { } reason => new Finding(
                Severity.Error, Part, "queue", $"'{names.Commands}' is not as the worker declares it: {reason}", "Stop the clients, empty and delete the queue, and start a worker; it makes the right one."),
        });
    }

    /// <summary>
    /// A broker with an alarm says so to who publishes, and reads nothing more from that connection. So one message goes
    /// to a queue that does not exist, which drops it.
    /// </summary>
    private static async Task<Finding> CheckAlarmsAsync(string uri, CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory { Uri = new Uri(uri), ClientProvidedName = "AsyncCheckpoints doctor, alarms", AutomaticRecoveryEnabled = false };
        var connection = await factory.CreateConnectionAsync(cancellationToken);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(AlarmPatience);
        var blocked = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionBlockedAsync += (_, e) =>
        {
            blocked.TrySetResult(e.Reason);
            return Task.CompletedTask;
        };
        try
        {
            var taken = PublishAsync();
            await Task.WhenAny(taken, blocked.Task);
            if (!blocked.Task.IsCompleted)
            {
                await taken;
                return new Finding(Severity.Ok, Part, "alarms", "none");
            }

            return Alarm($"It takes nothing: {await blocked.Task}.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Alarm($"It took no message within {AlarmPatience.TotalSeconds:F0} s.");
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 403 })
        {
            return new Finding(Severity.Ok, Part, "alarms", "They cannot be asked for: this user may not publish to the default exchange. See 'rabbitmqctl status'.");
        }
        finally
        {
            // A blocked connection is not read from, so it does not answer to an orderly goodbye.
            await connection.CloseAsync(Constants.ReplySuccess, "done", ClosePatience, abort: true, CancellationToken.None);
            await connection.DisposeAsync();
        }

        async Task PublishAsync()
        {
            await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), timeout.Token);
            await channel.BasicPublishAsync("", $"doctor-{Guid.NewGuid():N}", mandatory: false, new BasicProperties(), ReadOnlyMemory<byte>.Empty, timeout.Token);
        }

        static Finding Alarm(string message) => new(
            Severity.Error, Part, "alarms", message, "Give the broker memory or disk ('rabbitmqctl status' names the alarm); until then saves wait in Redis and in spools.");
    }

    /// <summary>What a queue has; null: there is no such queue.</summary>
    private static async Task<QueueDeclareOk?> CountAsync(IConnection connection, string queue, CancellationToken cancellationToken)
    {
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            return await channel.QueueDeclarePassiveAsync(queue, cancellationToken);
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 404 })
        {
            return null;
        }
    }

    /// <summary>Why the broker refuses the worker's declaration: the queue is another (406), or the user may not declare it (403).</summary>
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
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 406 or 403 } reason)
        {
            return reason.ReplyText;
        }
    }
}
