using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>
/// Tries a dead letter again: straight into the archive, and only then is the letter removed. Killed in between, it is
/// archived a second time, which its sequence and its command's id make harmless.
/// </summary>
internal sealed class DeadLetterRetry(ICheckpointArchive archive, IJobStore store, CommandReader reader, CacheLink cache)
{
    /// <summary>Tries one.</summary>
    /// <param name="letter">The letter.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Why it stays a dead letter; null when it is archived and removed.</returns>
    public async Task<string?> TryAsync(StoredDeadLetter letter, CancellationToken cancellationToken)
    {
        IncomingCommands commands;
        try
        {
            commands = reader.Read(MessageOf(letter.Letter));
        }
        catch (Exception e) when (e is CheckpointFormatException or InvalidProtocolBufferException)
        {
            return e.Message;
        }

        if (commands.DeadLetters is [var still, ..])
        {
            return still.Reason;
        }

        try
        {
            await archive.CommitAsync(new ArchiveBatch([commands.Command], []), cancellationToken);
        }
        catch (Exception e) when (!TransientErrors.IsTransient(e))
        {
            return e.Message;
        }

        await store.RemoveDeadLetterAsync(letter.RowId, cancellationToken);
        await SettleAsync(commands, cancellationToken);
        return null;
    }

    private static CheckpointCommands MessageOf(DeadLetter letter)
    {
        if (letter.ContentType == CommandReader.SaveContentType)
        {
            var save = SaveCheckpoint.Parser.ParseFrom(letter.Body.Span);

            // Not the id of the message that brought it: the inbox has seen that one.
            return new CheckpointCommands { SchemaVersion = WireFormat.SchemaVersion, CommandId = $"retry:{Guid.CreateVersion7():N}", Saves = { save } };
        }

        if (letter.ContentType.StartsWith(WireFormat.ContentType.MediaType, StringComparison.OrdinalIgnoreCase)
            || letter.ContentType == CommandReader.DeletionContentType)
        {
            var message = CheckpointCommands.Parser.ParseFrom(letter.Body.Span);
            if (letter.ContentType == CommandReader.DeletionContentType)
            {
                (message.SchemaVersion, message.CommandId) = (WireFormat.SchemaVersion, $"retry:{Guid.CreateVersion7():N}");
            }

            return message;
        }

        throw new CheckpointFormatException($"A message of content type '{letter.ContentType}' cannot be sent again.");
    }

    // The rescuer meets what is left.
    private async Task SettleAsync(IncomingCommands commands, CancellationToken cancellationToken)
    {
        if (commands.Marks.Count > 0)
        {
            try
            {
                await cache.CallAsync(static (cache, marks, cancellationToken) => cache.SettleAsync(marks, cancellationToken), commands.Marks, cancellationToken);
            }
            catch (CheckpointUnavailableException)
            {
                return;
            }
        }
    }
}
