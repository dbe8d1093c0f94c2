using System.Text.RegularExpressions;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Hosting;
using Google.Protobuf;
using MassTransit;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Jobs.Replay;

/// <summary>
/// Sends commands to a queue or exchange that somebody names. Nothing is declared: what does not exist is an error
/// instead of a new queue that nobody reads, and every message is persistent, mandatory and confirmed.
/// </summary>
internal sealed partial class ReplaySender(WorkerParts parts, ICheckpointBus bus)
{
    /// <summary>Whether a text is an address.</summary>
    /// <param name="address">queue:name or exchange:name.</param>
    public static bool IsAddress(string? address) => address is not null && Address().IsMatch(address);

    /// <summary>Opens a channel.</summary>
    /// <param name="address">queue:name or exchange:name.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<IReplayChannel> OpenAsync(string address, CancellationToken cancellationToken)
    {
        if (parts.RabbitMq is null)
        {
            return new InProcessChannel(await bus.GetSendEndpoint(new Uri(address)));
        }

        var connection = await new ConnectionFactory { Uri = new Uri(parts.RabbitMq), ClientProvidedName = "AsyncCheckpoints replay" }
            .CreateConnectionAsync(cancellationToken);
        try
        {
            return new RabbitMqChannel(connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true), cancellationToken), address);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    [GeneratedRegex(@"\A(queue|exchange):[A-Za-z0-9_.\-]{1,200}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Address();

    private sealed class InProcessChannel(ISendEndpoint endpoint) : IReplayChannel
    {
        public Task SendAsync(CheckpointCommands message, CancellationToken cancellationToken) => endpoint.Send(message, cancellationToken);

        public ValueTask DisposeAsync() => default;
    }

    private sealed class RabbitMqChannel(IConnection connection, IChannel channel, string address) : IReplayChannel
    {
        private readonly bool _isQueue = address.StartsWith("queue:", StringComparison.Ordinal);
        private readonly string _name = address[(address.IndexOf(':', StringComparison.Ordinal) + 1)..];

        public async Task SendAsync(CheckpointCommands message, CancellationToken cancellationToken)
        {
            var properties = new BasicProperties { ContentType = WireFormat.ContentType.MediaType, Persistent = true, MessageId = message.CommandId };
            try
            {
                await channel.BasicPublishAsync(_isQueue ? "" : _name, _isQueue ? _name : "", mandatory: true, properties, message.ToByteArray(), cancellationToken);
            }
            catch (RabbitMQ.Client.Exceptions.PublishException e) when (e.IsReturn)
            {
                throw new JobFailedException($"No queue took what was sent to '{address}'.", e);
            }
            catch (AlreadyClosedException e) when (e.ShutdownReason is { ReplyCode: 404 })
            {
                throw new JobFailedException($"There is no '{address}'.", e);
            }
            catch (RabbitMQ.Client.Exceptions.PublishException e)
            {
                throw new CheckpointUnavailableException($"The broker did not take what was sent to '{address}'.", innerException: e);
            }
            catch (RabbitMQClientException e)
            {
                throw new CheckpointUnavailableException("The broker's connection broke.", innerException: e);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await channel.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}

/// <summary>An open way to a queue or exchange.</summary>
internal interface IReplayChannel : IAsyncDisposable
{
    /// <summary>Sends; completes when the message is safe. Several may be under way at the same time.</summary>
    Task SendAsync(CheckpointCommands message, CancellationToken cancellationToken);
}
