using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>
/// Tries dead letters again: straight into the archive and back into Redis, and only then are the letters removed. Killed in
/// between, they are archived a second time, which their sequences and their commands' ids make harmless.
/// </summary>
internal sealed class DeadLetterRetry(ICheckpointArchive archive, IJobStore store, CommandReader reader, PendingSettler settler)
{
    /// <summary>Tries some, in one transaction unless the archive refuses one of them.</summary>
    /// <param name="letters">The letters.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>By row, why a letter stays a dead letter; those that are archived and removed are not in it.</returns>
    public async Task<IReadOnlyDictionary<long, string>> TryAsync(IReadOnlyList<StoredDeadLetter> letters, CancellationToken cancellationToken)
    {
        var staying = new Dictionary<long, string>();
        var readable = new List<(long RowId, IncomingCommands Commands)>(letters.Count);
        foreach (var letter in letters)
        {
            if (TryRead(letter.Letter, out var commands) is { } reason)
            {
                staying.Add(letter.RowId, reason);
            }
            else
            {
                readable.Add((letter.RowId, commands!));
            }
        }

        await ArchiveAsync(readable, staying, cancellationToken);
        return staying;
    }

    private string? TryRead(DeadLetter letter, out IncomingCommands? commands)
    {
        try
        {
            commands = reader.Read(MessageOf(letter));
            return commands.DeadLetters is [var still, ..] ? still.Reason : null;
        }
        catch (Exception e) when (e is CheckpointFormatException or InvalidProtocolBufferException)
        {
            commands = null;
            return e.Message;
        }
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

    /// <summary>Archives letters together; where the archive refuses them, halves of them, until the one to blame stands alone.</summary>
    private async Task ArchiveAsync(
        List<(long RowId, IncomingCommands Commands)> letters, Dictionary<long, string> staying, CancellationToken cancellationToken)
    {
        if (letters.Count == 0)
        {
            return;
        }

        try
        {
            await archive.CommitAsync(new ArchiveBatch([.. letters.Select(letter => letter.Commands.Command)], []), cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && !TransientErrors.IsTransient(e))
        {
            if (letters is [var only])
            {
                staying.Add(only.RowId, e.Message);
                return;
            }

            var half = letters.Count / 2;
            await ArchiveAsync(letters[..half], staying, cancellationToken);
            await ArchiveAsync(letters[half..], staying, cancellationToken);
            return;
        }

        await SettleAsync(letters.ConvertAll(letter => letter.Commands), cancellationToken);
        await store.RemoveDeadLettersAsync([.. letters.Select(letter => letter.RowId)], cancellationToken);
    }

    /// <summary>
    /// Before the letters go: what Redis has lost since it became a letter is put back, and has no mark there by which the
    /// rescuer would find it.
    /// </summary>
    private async Task SettleAsync(List<IncomingCommands> committed, CancellationToken cancellationToken)
    {
        List<PendingMark> marks = [.. committed.SelectMany(commands => commands.Marks)];
        try
        {
            if (marks.Count > 0)
            {
                await settler.SettleAsync(marks, cancellationToken);
            }
        }
        catch (Exception e) when (e is CheckpointUnavailableException || TransientErrors.IsTransient(e))
        {
            // Held until Redis is back.
            await settler.EnqueueAsync(committed, cancellationToken);
        }
    }
}
