using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>Takes a message apart that the archive refuses, until the checkpoint that it refuses stands alone.</summary>
internal static class Poison
{
    /// <summary>
    /// The parts of a message, to be committed one by one. They go without the message's id, since each of them is a part
    /// of its effect; the last, empty part records the id. The sequences make a repeat harmless.
    /// </summary>
    /// <param name="commands">The message.</param>
    /// <param name="reason">Why the archive refused it.</param>
    /// <returns>The parts; null when there is nothing that could be taken out.</returns>
    public static IReadOnlyList<IncomingCommands>? TrySplit(IncomingCommands commands, Exception reason)
    {
        var (id, saves, tombstones) = (commands.Command.CommandId, commands.Command.Saves, commands.Command.Tombstones);
        if (saves.Count == 0)
        {
            return null;
        }

        if (saves.Count == 1 && tombstones.Count == 0 && commands.DeadLetters.Count == 0)
        {
            return [ToDeadLetter(commands, saves[0], reason.Message)];
        }

        var half = saves.Count / 2;
        var parts = new List<IncomingCommands>
        {
            Part(commands, null, saves.Take(half), []),
            Part(commands, null, saves.Skip(half), []),
            Part(commands, id, [], commands.DeadLetters) with { Command = new ArchiveCommand(id, [], tombstones) },
        };
        parts.RemoveAll(part => part is { Command: { CommandId: null, Saves.Count: 0 } });
        return parts;
    }

    private static IncomingCommands Part(
        IncomingCommands whole, string? id, IEnumerable<ArchiveSave> saves, IReadOnlyList<DeadLetter> letters)
    {
        var list = saves.ToList();
        return new IncomingCommands(new ArchiveCommand(id, list, []), letters, whole.Rejections, [], list.Count, 0) { Traces = whole.Traces };
    }

    private static IncomingCommands ToDeadLetter(IncomingCommands commands, ArchiveSave save, string reason)
    {
        var checkpoint = save.Checkpoint;
        commands.Rejections.Add(new Rejection { Index = save.Position, Reason = reason });
        var body = new SaveCheckpoint
        {
            Sequence = checkpoint.Sequence,
            Record = UnsafeByteOperations.UnsafeWrap(CheckpointCodec.Encode(checkpoint).Record),
            Cached = !save.Uncached,
        };
        var letter = new DeadLetter(
            $"refused:{checkpoint.Sequence}:{checkpoint.Key}", reason, CommandReader.SaveContentType, body.ToByteArray(), checkpoint.ExecutionId);
        return Part(commands, commands.Command.CommandId, [], [letter]);
    }
}
