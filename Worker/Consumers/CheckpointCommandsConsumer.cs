using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using MassTransit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// Hands a message to the archive and acknowledges it after the commit. A message that cannot be read as a whole becomes
/// one dead letter.
/// </summary>
internal sealed class CheckpointCommandsConsumer(
    CommandIntake intake,
    CommandReader reader,
    Answers answers,
    ILogger<CheckpointCommandsConsumer> logger) : IConsumer<CheckpointCommands>
{
    public async Task Consume(ConsumeContext<CheckpointCommands> context)
    {
        var commands = Read(context);
        await intake.WriteAsync(commands, context.CancellationToken);
        if (context.ResponseAddress is not null)
        {
            var answer = new CommandsArchived { SchemaVersion = WireFormat.SchemaVersion };
            answer.Rejections.AddRange(commands.Rejections);
            // Not awaited: the commit stands whether or not its sender hears of it.
            _ = answers.SendAsync(context, answer);
        }
    }

    private IncomingCommands Read(ConsumeContext<CheckpointCommands> context)
    {
        var message = context.Message;
        try
        {
            return reader.Read(message);
        }
        catch (CheckpointFormatException e)
        {
            Log.Refused(logger, e.Message);
            var body = context.ReceiveContext.Body.GetBytes();
            var id = message.CommandId.Length is > 0 and <= CheckpointLimits.MaxIdLength
                ? $"message:{message.CommandId}".Replace('\0', '?')
                : UnreadableMessageFilter.IdOf(context.MessageId, body);
            var letter = new DeadLetter(id, e.Message, WireFormat.ContentType.MediaType, body, null);
            var rejections = message.Saves.Select((_, i) => new Rejection { Index = i, Reason = e.Message }).ToList();
            return new IncomingCommands(new ArchiveCommand(null, [], []), [letter], rejections, [], 1, letter.Body.Length);
        }
    }
}
