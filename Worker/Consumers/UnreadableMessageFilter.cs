using System.Security.Cryptography;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using MassTransit;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// The end of messages that no consumer could read: into the dead letters, with the reason and the body as it came.
/// While the archive is away this waits like everything else.
/// </summary>
internal sealed class UnreadableMessageFilter(ArchiveWriter writer) : IFilter<ExceptionReceiveContext>, IFilter<ReceiveContext>
{
    public async Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        if (context.Exception is ConsumerCanceledException or OperationCanceledException)
        {
            // Withdrawn, because the archive is away or the worker stops: nothing is wrong with it. It goes back.
            throw new OperationCanceledException("The message goes back to the queue.", context.Exception);
        }

        await WriteAsync(context, context.Exception.Message);
        await next.Send(context);
    }

    public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        await WriteAsync(context, $"The message's type is not known here (content type '{context.ContentType?.MediaType}').");
        await next.Send(context);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("unreadable");

    private Task WriteAsync(ReceiveContext context, string reason)
    {
        var body = context.Body.GetBytes();
        var id = context.GetMessageId() is { } messageId ? $"message:{messageId}" : $"sha256:{Convert.ToHexStringLower(SHA256.HashData(body))}";
        var letter = new DeadLetter(id, reason, context.ContentType?.MediaType ?? "application/octet-stream", body, null);
        return writer.WriteAsync(
            new IncomingCommands(new ArchiveCommand(null, [], []), [letter], [], [], 1, body.Length), context.CancellationToken);
    }
}
