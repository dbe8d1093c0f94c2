using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Jobs.Erase;

/// <summary>
/// Erases dead letters, and out of those that hold messages of several executions only what is meant: the rest becomes a
/// letter of its own first, under an id that is the same each time.
/// </summary>
internal sealed class LetterErasure(ICheckpointArchive archive, IJobStore store)
{
    /// <summary>Whether a letter holds something of the scope.</summary>
    /// <param name="letter">The letter.</param>
    /// <param name="scope">What is to be erased.</param>
    /// <param name="isDryRun">Whether to leave it.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Null when that cannot be read.</returns>
    public async Task<bool?> TryEraseAsync(StoredDeadLetter letter, EraseScope scope, bool isDryRun, CancellationToken cancellationToken)
    {
        var (isHit, others) = Look(letter.Letter, scope);
        if (isHit is not true || isDryRun)
        {
            return isHit;
        }

        if (others is not null)
        {
            var left = letter.Letter with { Id = $"{letter.Letter.Id}:rest", Body = others.ToByteArray() };
            await archive.CommitAsync(new ArchiveBatch([], [left]), cancellationToken);
        }

        await store.RemoveDeadLettersAsync([letter.RowId], cancellationToken);
        return true;
    }

    private static (bool? IsHit, CheckpointCommands? Others) Look(DeadLetter letter, EraseScope scope)
    {
        if (letter.ExecutionId is { } known && !scope.Pattern.Fits(known))
        {
            return (false, null);
        }

        if (letter.ExecutionId is { } execution && scope.HasWhole(execution))
        {
            return (true, null);
        }

        try
        {
            if (letter.ContentType == CommandReader.SaveContentType && letter.ExecutionId is not null && letter.Body.IsEmpty)
            {
                // It tells of something in Redis that could not be read, and holds nothing.
                return (false, null);
            }

            if (letter.ContentType == CommandReader.SaveContentType)
            {
                return (Has(SaveCheckpoint.Parser.ParseFrom(letter.Body.Span), scope), null);
            }

            if (letter.ContentType == CommandReader.DeletionContentType
                || letter.ContentType.StartsWith(WireFormat.ContentType.MediaType, StringComparison.OrdinalIgnoreCase))
            {
                return Split(CheckpointCommands.Parser.ParseFrom(letter.Body.Span), scope);
            }
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or CheckpointFormatException or JsonException)
        {
            return (null, null);
        }

        return (null, null);
    }

    private static bool Has(SaveCheckpoint save, EraseScope scope) => scope.Has(CheckpointCodec.Parse(save.Record.Memory));

    private static (bool? IsHit, CheckpointCommands? Others) Split(CheckpointCommands message, EraseScope scope)
    {
        var all = message.Saves.Count + message.Deletes.Count + message.Clears.Count;
        var rest = message.Clone();
        Remove(rest.Saves, save => Has(save, scope));
        Remove(rest.Deletes, delete => scope.HasWhole(delete.ExecutionId));
        Remove(rest.Clears, clear => scope.HasWhole(clear.ExecutionId));
        var left = rest.Saves.Count + rest.Deletes.Count + rest.Clears.Count;
        return (left < all, left is 0 || left == all ? null : rest);
    }

    private static void Remove<T>(IList<T> items, Predicate<T> isMeant)
    {
        for (var i = items.Count - 1; i >= 0; i--)
        {
            if (isMeant(items[i]))
            {
                items.RemoveAt(i);
            }
        }
    }
}
