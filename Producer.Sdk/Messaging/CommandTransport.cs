using AsyncCheckpoints.Contracts;
using MassTransit;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Messaging;

/// <summary>
/// The client's way to the worker: commands that the broker confirms, and questions that the worker answers. Faults come
/// as <see cref="CheckpointUnavailableException"/>.
/// </summary>
internal sealed class CommandTransport(ICheckpointBus bus, Routes routes, IOptions<CheckpointOptions> options)
{
    private readonly Lock _lock = new();
    private Task? _connecting;

    /// <summary>What is on the queue still takes this process's memory.</summary>
    public bool IsInProcess => routes.IsInProcess;

    /// <summary>Sends commands; completes when the broker has them on a quorum queue.</summary>
    /// <param name="message">The commands.</param>
    /// <param name="reply">Asks the worker to tell when they are archived.</param>
    /// <param name="cancellationToken">Stops waiting for the confirm.</param>
    public async Task SendAsync(CheckpointCommands message, ArchivedReply? reply, CancellationToken cancellationToken)
    {
        try
        {
            var endpoint = await routes.GetCommandsAsync(bus);

            // Over a channel that is lost at a bad moment MassTransit (8.4) may wait for ever, and listens to no token.
            await endpoint.Send(message, Pipe.Execute<SendContext<CheckpointCommands>>(context => Prepare(context, reply)), cancellationToken)
                .WaitAsync(cancellationToken);
        }
        catch (Exception e)
        {
            throw new CheckpointUnavailableException(
                $"The broker did not confirm {message.Saves.Count + message.Deletes.Count + message.Clears.Count} commands: {e.Message}",
                "Check that RabbitMQ can be reached and has no memory or disk alarm.",
                e);
        }
    }

    /// <summary>Expects the worker's answer to a message.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task<ArchivedReply> ExpectReplyAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ConnectAsync().WaitAsync(cancellationToken);
            return new ArchivedReply(bus);
        }
        catch (Exception e)
        {
            throw new CheckpointUnavailableException("The worker's answer cannot be expected: the broker is away.", "Check that RabbitMQ can be reached.", e);
        }
    }

    /// <summary>Asks the archive for checkpoints.</summary>
    /// <param name="request">What to find.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public Task<CheckpointsFound> FindAsync(FindCheckpoints request, CancellationToken cancellationToken) =>
        AskAsync<FindCheckpoints, CheckpointsFound>(request, cancellationToken);

    /// <summary>Asks the archive for executions.</summary>
    /// <param name="request">What to find.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public Task<ExecutionsFound> FindAsync(FindExecutions request, CancellationToken cancellationToken) =>
        AskAsync<FindExecutions, ExecutionsFound>(request, cancellationToken);

    /// <summary>
    /// Until the broker has been there for the first time, the library blocks whoever expects an answer: one thread waits for
    /// all.
    /// </summary>
    private Task ConnectAsync()
    {
        lock (_lock)
        {
            return _connecting is null or { IsFaulted: true }
                ? _connecting = Task.Run(() => new ArchivedReply(bus).Dispose())
                : _connecting;
        }
    }

    private async Task<TAnswer> AskAsync<TRequest, TAnswer>(TRequest request, CancellationToken cancellationToken)
        where TRequest : class
        where TAnswer : class
    {
        Response<TAnswer, RequestFailed> response;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(options.Value.ReadTimeout);
        try
        {
            var timeout = RequestTimeout.After(ms: (int)options.Value.ReadTimeout.TotalMilliseconds);

            await ConnectAsync().WaitAsync(patience.Token);
            var client = routes.Reads is { } address ? bus.CreateRequestClient<TRequest>(address, timeout) : bus.CreateRequestClient<TRequest>(timeout);

            // Its own timeout starts only when the request is sent.
            response = await client.GetResponse<TAnswer, RequestFailed>(request, patience.Token).WaitAsync(patience.Token);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            throw new CheckpointUnavailableException(
                $"The worker did not answer within {options.Value.ReadTimeout}: {e.Message}", "Check that a worker is running.", e);
        }

        if (response.Is(out Response<TAnswer>? answer))
        {
            return answer.Message;
        }

        response.Is(out Response<RequestFailed>? failed);
        throw failed!.Message.IsTransient
            ? new CheckpointUnavailableException($"The archive cannot be read: {failed.Message.Reason}")
            : new CheckpointException($"The archive refused the request: {failed.Message.Reason}", isTransient: false);
    }

    private void Prepare(SendContext<CheckpointCommands> context, ArchivedReply? reply)
    {
        context.Durable = true;
        if (reply is not null)
        {
            context.RequestId = reply.RequestId;
            context.ResponseAddress = bus.Address;
        }

        // A message that no queue takes comes back as an error instead of vanishing.
        if (context.TryGetPayload(out RabbitMqSendContext? rabbit))
        {
            rabbit.Mandatory = true;
        }
    }
}
