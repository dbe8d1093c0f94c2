using System.Security.Cryptography;
using System.Text;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Checks a message item by item: what is valid goes to the archive, what is not becomes a dead letter with its reason,
/// and does not hold up its neighbours.
/// </summary>
internal sealed class CommandReader(int maxStateBytes)
{
    /// <summary>The body of a dead letter that holds one save.</summary>
    public const string SaveContentType = "application/x-protobuf; message=SaveCheckpoint";

    /// <summary>The body of a dead letter that holds one deletion, or what stands under a key that none can have.</summary>
    public const string DeletionContentType = "application/x-protobuf; message=CheckpointCommands";

    /// <summary>Reads a message.</summary>
    /// <param name="message">The message.</param>
    /// <exception cref="CheckpointFormatException">The message as a whole is not of this version, or has no command id.</exception>
    public IncomingCommands Read(CheckpointCommands message)
    {
        WireFormat.RequireReadable(message.SchemaVersion);
        if (message.CommandId.Length is 0 or > CheckpointLimits.MaxIdLength || message.CommandId.Contains('\0', StringComparison.Ordinal))
        {
            throw new CheckpointFormatException(
                $"The message's command_id has {message.CommandId.Length} characters; 1 to {CheckpointLimits.MaxIdLength} without U+0000 are allowed.");
        }

        var saves = new List<ArchiveSave>(message.Saves.Count);
        var marks = new List<PendingMark>(message.Saves.Count + message.Deletes.Count + message.Clears.Count);
        var tombstones = new List<Tombstone>(message.Deletes.Count + message.Clears.Count);
        var letters = new List<DeadLetter>();
        var rejections = new List<Rejection>();
        var bytes = 0L;
        for (var i = 0; i < message.Saves.Count; i++)
        {
            var save = message.Saves[i];
            try
            {
                saves.Add(ReadSave(save.Record, save.Sequence, !save.Cached, i));
                bytes += SizeOf(saves[^1], save.Record.Length);
                AddMark(marks, save.Cached, PendingKind.Save, saves[^1].Checkpoint.Key, save.Sequence, save.Cache);
            }
            catch (CheckpointFormatException e)
            {
                rejections.Add(new Rejection { Index = i, Reason = e.Message });
                var key = TryReadKey(save.Record);
                letters.Add(new DeadLetter($"{message.CommandId}:{i}", e.Message, SaveContentType, save.ToByteArray(), key?.ExecutionId));
                if (key is not null && CheckpointLimits.CheckSequence(save.Sequence) is null)
                {
                    AddMark(marks, save.Cached, PendingKind.Save, key.Value, save.Sequence, save.Cache);
                }
            }
        }

        var position = message.Saves.Count;
        foreach (var delete in message.Deletes)
        {
            var key = new CheckpointKey(delete.ExecutionId, delete.Namespace, delete.Id);
            var index = position++;
            if (Check(key, delete.Sequence) is { } error)
            {
                letters.Add(Rejected($"{message.CommandId}:{index}", error, new CheckpointCommands { Deletes = { delete } }));
                continue;
            }

            tombstones.Add(new Tombstone(key.ExecutionId, key.Namespace, key.Id, delete.Sequence, !delete.Cached));
            AddMark(marks, delete.Cached, PendingKind.Delete, key, delete.Sequence, null);
        }

        foreach (var clear in message.Clears)
        {
            var index = position++;
            if (Check(new CheckpointKey(clear.ExecutionId, "-"), clear.Sequence) is { } error)
            {
                letters.Add(Rejected($"{message.CommandId}:{index}", error, new CheckpointCommands { Clears = { clear } }));
                continue;
            }

            tombstones.Add(new Tombstone(clear.ExecutionId, null, null, clear.Sequence, !clear.Cached));
            AddMark(marks, clear.Cached, PendingKind.Clear, new CheckpointKey(clear.ExecutionId, ""), clear.Sequence, null);
        }

        return new IncomingCommands(
            new ArchiveCommand(message.CommandId, saves, tombstones), letters, rejections, marks, position, bytes)
        {
            Traces = CheckpointTracing.IsOn ? CheckpointTracing.ContextsOf(message.Saves) : [],
        };
    }

    /// <summary>Reads what a rescue found, as much of it as fits; there is a mark for each entry that was read.</summary>
    /// <param name="entries">Pending entries.</param>
    public IncomingCommands Read(IReadOnlyList<PendingEntry> entries)
    {
        var saves = new List<ArchiveSave>(entries.Count);
        var tombstones = new List<Tombstone>();
        var letters = new List<DeadLetter>();
        var bytes = 0L;
        var count = 0;
        foreach (var (mark, record, damage) in entries)
        {
            if (bytes >= ICheckpointCache.PendingPageBytes)
            {
                break;
            }

            count++;
            if (Check(mark.Kind == PendingKind.Clear ? mark.Key with { Id = "-" } : mark.Key, mark.Sequence) is { } error)
            {
                letters.Add(RejectedMark(mark, error, record));
                continue;
            }

            if (damage is not null)
            {
                letters.Add(new DeadLetter($"rescue:{mark.Sequence}:{mark.Key}", damage, SaveContentType, ReadOnlyMemory<byte>.Empty, mark.Key.ExecutionId));
                continue;
            }

            switch (mark.Kind)
            {
                case PendingKind.Delete:
                    tombstones.Add(new Tombstone(mark.Key.ExecutionId, mark.Key.Namespace, mark.Key.Id, mark.Sequence, false));
                    break;
                case PendingKind.Clear:
                    tombstones.Add(new Tombstone(mark.Key.ExecutionId, null, null, mark.Sequence, false));
                    break;
                case PendingKind.Save when record.Length > 0:
                    try
                    {
                        saves.Add(ReadSave(UnsafeByteOperations.UnsafeWrap(record), mark.Sequence, false, 0));
                        bytes += SizeOf(saves[^1], record.Length);
                    }
                    catch (CheckpointFormatException e)
                    {
                        var save = new SaveCheckpoint { Sequence = mark.Sequence, Record = UnsafeByteOperations.UnsafeWrap(record), Cached = true };
                        letters.Add(new DeadLetter(
                            $"rescue:{mark.Sequence}:{mark.Key}", e.Message, SaveContentType, save.ToByteArray(), mark.Key.ExecutionId));
                    }

                    break;
            }
        }

        return new IncomingCommands(
            new ArchiveCommand(null, saves, tombstones), letters, [], [.. entries.Take(count).Select(entry => entry.Mark)], count, bytes);
    }

    // A record may be compressed: the state counts, too.
    private static int SizeOf(ArchiveSave save, int recordLength) => Math.Max(recordLength, save.Checkpoint.State.Length);

    private static void AddMark(
        List<PendingMark> marks, bool isCached, PendingKind kind, CheckpointKey key, long sequence, CachePolicy? policy)
    {
        if (isCached)
        {
            marks.Add(new PendingMark(kind, key, sequence, CachePolicies.FromWire(policy)));
        }
    }

    // What is wrong with a key or a sequence; null: nothing.
    private static string? Check(CheckpointKey key, long sequence)
    {
        try
        {
            CheckpointLimits.Validate(key);
            return CheckpointLimits.CheckSequence(sequence);
        }
        catch (ArgumentException e)
        {
            return e.Message;
        }
    }

    private static DeadLetter Rejected(string id, string error, CheckpointCommands body) =>
        new(id, error, DeletionContentType, body.ToByteArray(), null);

    /// <summary>A mark that no client of ours has made. Its key may be more than a letter's id can hold.</summary>
    private static DeadLetter RejectedMark(PendingMark mark, string error, ReadOnlyMemory<byte> record)
    {
        var (execution, ns, id) = mark.Key;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{mark.Kind}:{mark.Key}"));
        return Rejected($"rescue:{mark.Sequence}:{Convert.ToHexStringLower(hash)}", error, mark.Kind switch
        {
            PendingKind.Save => new() { Saves = { new SaveCheckpoint { Sequence = mark.Sequence, Record = UnsafeByteOperations.UnsafeWrap(record), Cached = true } } },
            PendingKind.Delete => new() { Deletes = { new DeleteCheckpoint { ExecutionId = execution, Namespace = ns, Id = id, Sequence = mark.Sequence, Cached = true } } },
            _ => new() { Clears = { new ClearExecution { ExecutionId = execution, Sequence = mark.Sequence, Cached = true } } },
        });
    }

    private static CheckpointKey? TryReadKey(ByteString record)
    {
        try
        {
            var fields = CheckpointCodec.Parse(record.Memory);
            var key = new CheckpointKey(fields.ExecutionId, fields.Namespace, fields.Id);
            CheckpointLimits.Validate(key);
            return key;
        }
        catch (Exception e) when (e is ArgumentException or CheckpointFormatException)
        {
            return null;
        }
    }

    private ArchiveSave ReadSave(ByteString record, long sequence, bool isUncached, int position)
    {
        if (CheckpointLimits.CheckSequence(sequence) is { } error)
        {
            throw new CheckpointFormatException(error);
        }

        var fields = CheckpointCodec.Parse(record.Memory);
        return new ArchiveSave(CheckpointCodec.Decode(fields, sequence, maxStateBytes), fields.StateSha256.Memory, isUncached, position);
    }
}
