using AsyncCheckpoints.Messaging;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>The broker's queues: messages that no worker has in hand. On connections of its own.</summary>
/// <param name="uri">The broker.</param>
/// <param name="names">The names.</param>
internal sealed class RabbitMqQueueDepth(string uri, QueueNames names) : IQueueDepth, IAsyncDisposable
{
    // Of a connection whose other end is gone without a word.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private IConnection? _connection;

    public async Task<QueueCounts> CountAsync(CancellationToken cancellationToken)
    {
        if (_connection is not { IsOpen: true })
        {
            await DisposeAsync();
            _connection = await ConnectAsync(cancellationToken);
        }

        try
        {
            // The queue of the dead may not be there yet: then nothing is dead.
            return new QueueCounts(
                await CountAsync(_connection, names.Commands, cancellationToken), await CountAsync(_connection, names.DeadCommands, cancellationToken) ?? 0);
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
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
            await connection.AbortAsync(Patience);
            await connection.DisposeAsync();
        }
    }

    private static async Task<long?> CountAsync(IConnection connection, string queue, CancellationToken cancellationToken)
    {
        // A queue that does not exist closes its channel. After any other failure the connection goes, and the channel with it.
        var channel = await connection.CreateChannelAsync(cancellationToken: cancellationToken);
        long? count = null;
        try
        {
            count = (await channel.QueueDeclarePassiveAsync(queue, cancellationToken)).MessageCount;
        }
        catch (OperationInterruptedException e) when (e.ShutdownReason is { ReplyCode: 403 or 404 })
        {
        }

        await channel.DisposeAsync();
        return count;
    }

    private Task<IConnection> ConnectAsync(CancellationToken cancellationToken)
    {
        var factory = new ConnectionFactory { Uri = new Uri(uri), ClientProvidedName = "AsyncCheckpoints queue depth", AutomaticRecoveryEnabled = false };
        return factory.CreateConnectionAsync(cancellationToken);
    }
}
