using System.Security.Cryptography;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using MassTransit;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// The end of messages that no consumer could read: into the dead letters, with the reason and the body as it came.
/// While the archive is away this waits like everything else.
/// </summary>
internal sealed class UnreadableMessageFilter(CommandIntake intake) : IFilter<ExceptionReceiveContext>, IFilter<ReceiveContext>
{
    public async Task Send(ExceptionReceiveContext context, IPipe<ExceptionReceiveContext> next)
    {
        if (context.Exception is ConsumerCanceledException or OperationCanceledException || IsOutOfMemory(context.Exception))
        {
            // Withdrawn, because the archive is away or the worker stops, or has no memory for it: nothing is wrong with it.
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

    /// <summary>The dead letter's id: the same when the same message comes again, another for another message.</summary>
    /// <param name="messageId">The message's, if its sender has given it one.</param>
    /// <param name="body">The message.</param>
    public static string IdOf(Guid? messageId, ReadOnlySpan<byte> body) =>
        messageId is not null ? $"message:{messageId}" : $"sha256:{Convert.ToHexStringLower(SHA256.HashData(body))}";

    private static bool IsOutOfMemory(Exception? exception) =>
        exception is not null && (exception is OutOfMemoryException || IsOutOfMemory(exception.InnerException));

    private async Task WriteAsync(ReceiveContext context, string reason)
    {
        var body = context.Body.GetBytes();
        var letter = new DeadLetter(IdOf(context.GetMessageId(), body), reason, context.ContentType?.MediaType ?? "application/octet-stream", body, null);
        await intake.WriteAsync(new IncomingCommands(new ArchiveCommand(null, [], []), [letter], [], [], 1, body.Length), context.CancellationToken);
    }
}
