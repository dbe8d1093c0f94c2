using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>The broker's queues: messages that no worker has in hand. On connections of its own.</summary>
/// <param name="uri">The broker.</param>
/// <param name="names">The names.</param>
internal sealed class RabbitMqQueueDepth(string uri, QueueNames names) : IQueueDepth, IAsyncDisposable
{
    private IConnection? _connection;

    public async Task<QueueCounts> CountAsync(CancellationToken cancellationToken)
    {
        if (_connection is not { IsOpen: true })
        {
            await DisposeAsync();
            _connection = await ConnectAsync(cancellationToken);
        }

        // The queue of the dead may not be there yet: then nothing is dead.
        return new QueueCounts(
            await CountAsync(_connection, names.Commands, cancellationToken), await CountAsync(_connection, names.DeadCommands, cancellationToken) ?? 0);
    }

    public async Task<long?> CountDeadAsync(CancellationToken cancellationToken)
    {
        await using var connection = await ConnectAsync(cancellationToken);
        return await CountAsync(connection, names.DeadCommands, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            await connection.DisposeAsync();
        }
    }

    private static async Task<long?> CountAsync(IConnection connection, string queue, CancellationToken cancellationToken)
    {
        // A queue that does not exist closes its channel.
        await using var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            return (await channel.QueueDeclarePassiveAsync(queue, cancellationToken)).MessageCount;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 403 or 404 })
        {
            return null;
        }
    }

    private Task<IConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory { Uri = new Uri(uri), ClientProvidedName = "AsyncCheckpoints queue depth", AutomaticRecoveryEnabled = false };
        return factory.CreateConnectionAsync(cancellationToken);
    }
}
