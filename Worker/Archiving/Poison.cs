using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>Takes a message apart that the archive refuses, until the checkpoint that it refuses stands alone.</summary>
internal static class Poison
{
    /// <summary>Whether <see cref="TrySplit"/> can still make smaller parts of it.</summary>
    /// <param name="commands">The message.</param>
    public static bool IsDivisible(IncomingCommands commands) =>
        commands.Command.Saves.Count > 1
        || (commands.Command.Saves.Count == 1 && commands.Command.Tombstones.Count + commands.DeadLetters.Count > 0);

    /// <summary>
    /// The parts of a message, to be committed one by one. They go without the message's id: each of them is a part of its
    /// effect, and a repeat of the message shall find again what the archive refuses, for its sender to hear of it. The
    /// sequences make a repeat harmless.
    /// </summary>
    /// <param name="commands">The message.</param>
    /// <param name="reason">Why the archive refused it.</param>
    /// <returns>The parts; null when there is nothing that could be taken out.</returns>
    public static IReadOnlyList<IncomingCommands>? TrySplit(IncomingCommands commands, Exception reason)
    {
        var (saves, tombstones) = (commands.Command.Saves, commands.Command.Tombstones);
        if (saves.Count == 0)
        {
            return null;
        }

        if (!IsDivisible(commands))
        {
            return [ToDeadLetter(commands, saves[0], reason.Message)];
        }

        var half = saves.Count / 2;
        var parts = new List<IncomingCommands>
        {
            Part(commands, saves.Take(half), [], []),
            Part(commands, saves.Skip(half), [], []),
            Part(commands, [], tombstones, commands.DeadLetters),
        };
        parts.RemoveAll(part => part is { Command: { Saves.Count: 0, Tombstones.Count: 0 }, DeadLetters.Count: 0 });
        return parts;
    }

    private static IncomingCommands Part(
        IncomingCommands whole, IEnumerable<ArchiveSave> saves, IReadOnlyList<Tombstone> tombstones, IReadOnlyList<DeadLetter> letters)
    {
        var list = saves.ToList();
        return new IncomingCommands(new ArchiveCommand(null, list, tombstones), letters, whole.Rejections, [], list.Count, 0) { Traces = whole.Traces };
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
        return Part(commands, [], [], [letter]);
    }
}
