using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>The broker's queue: messages that no worker has in hand. On a connection of its own; one caller at a time.</summary>
/// <param name="uri">The broker.</param>
/// <param name="names">The names.</param>
internal sealed class RabbitMqQueueDepth(string uri, QueueNames names) : IQueueDepth, IAsyncDisposable
{
    private IConnection? _connection;

    public async Task<long?> CountAsync(CancellationToken cancellationToken)
    {
        if (_connection is not { IsOpen: true })
        {
            await DisposeAsync();
            var factory = new ConnectionFactory { Uri = new Uri(uri), ClientProvidedName = "AsyncCheckpoints queue depth", AutomaticRecoveryEnabled = false };
            _connection = await factory.CreateConnectionAsync(cancellationToken);
        }

        // A queue that does not exist closes its channel.
        await using var channel = await _connection.CreateChannelAsync(cancellationToken: cancellationToken);
        try
        {
            return (await channel.QueueDeclarePassiveAsync(names.Commands, cancellationToken)).MessageCount;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 404 })
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _connection, null) is { } connection)
        {
            await connection.DisposeAsync();
        }
    }
}
