using System.Security.Cryptography;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Tests.Wire;
using Google.Protobuf;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Faults;

/// <content>Messages on the command queue.</content>
public sealed partial class HostileInputTests
{
    [Fact]
    public Task Messages_EndInDeadLettersWithAReasonAndNeighboursAreArchived() => FaultLab.RunAsync(servers.Set, 3802, async lab =>
    {
        var nasty = new Nasty(lab.Random);
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        await FaultLab.ClientOf(host).SaveAsync(new Checkpoint { ExecutionId = "first" });
        var messages = new List<(string ContentType, byte[] Body)>();
        var neighbours = 0;
        for (var i = 0; i < 2100; i++)
        {
            var contentType = lab.Random.Next(10) == 0 ? nasty.Text().Replace("\0", "", StringComparison.Ordinal) : WireFormat.ContentType.MediaType;
            messages.Add(lab.Random.Next(2) == 0
                ? (IsShortString(contentType) ? contentType : "text/plain", nasty.Spoil(Message($"spoilt-{i}", Good("spoilt", i)).ToByteArray()))
                : (WireFormat.ContentType.MediaType, Message($"mixed-{i}", Good("good", neighbours++), Bad(nasty, lab.Random, i)).ToByteArray()));
        }

        var huge = Good("huge", 1);
        huge.Record = CheckpointCodec.Encode(
            new Checkpoint { ExecutionId = "huge", Id = "1", State = new byte[HugeBytes], CreatedAt = DateTimeOffset.UnixEpoch }).Record is var record
            ? UnsafeByteOperations.UnsafeWrap(record) : ByteString.Empty;
        messages.Insert(1000, (WireFormat.ContentType.MediaType, Message("huge", Good("good", neighbours++), huge).ToByteArray()));
        await RawQueue.PublishAsync(lab.Servers.RabbitMq, lab.Prefix, messages);
        lab.Timeline.Note("published");

        var last = await FaultLab.ClientOf(host).SaveAsync(new Checkpoint { ExecutionId = "last" });
        await lab.SettleAsync(host);
        worker.HasExited.ShouldBeFalse();
        (await lab.Archive.FindAsync(new CheckpointQuery { ExecutionId = "last" }, null, null, long.MaxValue, default)).Items.ShouldHaveSingleItem().Id.ShouldBe(last.Key.Id);

        // The message with the huge one takes longer than those behind it.
        await FaultLab.UntilAsync(async () => await CountAsync(lab, "good") >= neighbours, $"{neighbours} good neighbours are archived");
        await worker.EndAsync(FaultLab.Patience); // With what it has in hand.
        var archived = await JobWorker.ReadAsync(lab.Archive);
        archived.Keys.Count(key => key.ExecutionId == "good").ShouldBe(neighbours);
        archived.Keys.ShouldNotContain(key => key.ExecutionId == "huge");
        var letters = await lab.Archive.ListDeadLettersAsync(null, 5000, true, default);
        letters.ShouldAllBe(letter => letter.Letter.Reason.Length > 0);
        var ids = letters.Select(letter => letter.Letter.Id).ToHashSet();
        ids.Count.ShouldBe(letters.Count);
        foreach (var (contentType, body) in messages)
        {
            // One that is cut off before its first command is a good message.
            var expected = WholeOf(body).Any(ids.Contains) ? 1 : CheckpointCommands.Parser.TryParse(body) is { } read ? Count(read) : 1;
            var ends = WholeOf(body).Count(ids.Contains)
                + PartsOf(body).Count(end => end is CheckpointKey key ? archived.ContainsKey(key) : ids.Contains((string)end));
            ends.ShouldBe(expected, $"{contentType}: {Convert.ToHexString(body.AsSpan(0, Math.Min(body.Length, 1000)))}");
        }

        letters.ShouldContain(letter => letter.Letter.Id == "huge:1" && letter.Letter.Body.Length > HugeBytes);
    });

    /// <summary>The ids of a message that is a dead letter as a whole.</summary>
    private static IEnumerable<string> WholeOf(byte[] body)
    {
        yield return $"sha256:{Convert.ToHexStringLower(SHA256.HashData(body))}";
        if (CheckpointCommands.Parser.TryParse(body) is { } message)
        {
            yield return $"message:{message.CommandId}".Replace('\0', '?');
        }
    }

    /// <summary>Otherwise each of its commands is a dead letter, or in the archive.</summary>
    private static IEnumerable<object> PartsOf(byte[] body)
    {
        if (CheckpointCommands.Parser.TryParse(body) is not { } message)
        {
            yield break;
        }

        for (var i = 0; i < Count(message); i++)
        {
            yield return $"{message.CommandId}:{i}";
        }

        foreach (var save in message.Saves)
        {
            if (CheckpointRecord.Parser.TryParse(save.Record.Memory) is { } fields)
            {
                yield return new CheckpointKey(fields.ExecutionId, fields.Namespace, fields.Id);
            }
        }
    }

    private static int Count(CheckpointCommands message) => message.Saves.Count + message.Deletes.Count + message.Clears.Count;

    private static CheckpointCommands Message(string id, params SaveCheckpoint[] saves) =>
        new() { SchemaVersion = WireFormat.SchemaVersion, CommandId = id, Saves = { saves } };

    private static SaveCheckpoint Good(string executionId, int number) => new()
    {
        Sequence = 1000 + number,
        Record = ByteString.CopyFrom(CheckpointCodec.Encode(
            new Checkpoint { ExecutionId = executionId, Id = $"{number}", State = new byte[30], CreatedAt = DateTimeOffset.UnixEpoch }).Record.Span),
    };

    private static SaveCheckpoint Bad(Nasty nasty, Random random, int number)
    {
        var save = Good("bad", number);
        var fields = CheckpointCodec.Parse(save.Record.Memory);
        switch (random.Next(8))
        {
            case 0:
                save.Sequence = random.Next(3) switch { 0 => 0, 1 => -random.NextInt64(long.MaxValue), _ => long.MaxValue };
                return save;
            case 1:
                fields.StateSha256 = ByteString.CopyFrom(nasty.Bytes(40));
                break;
            case 2:
                fields.Compression = $"x{random.Next()}";
                break;
            case 3:
                fields.Compression = "br";
                fields.State = ByteString.CopyFrom(nasty.Bytes(200));
                break;
            case 4:
                fields.ExecutionId = "a\0b\n\u001f" + new string('x', random.Next(300));
                break;
            case 5:
                fields.MetadataJson = string.Concat(Enumerable.Repeat("[", random.Next(1, 5000)));
                break;
            case 6:
                fields.CreatedAtUs = random.Next(2) == 0 ? long.MaxValue : long.MinValue;
                break;
            default:
                fields.StateSize = random.Next(31, 1 << 30);
                break;
        }

        save.Record = fields.ToByteString();
        return save;
    }

    // AMQP's limit for a property.
    private static bool IsShortString(string text) => text.Length > 0 && System.Text.Encoding.UTF8.GetByteCount(text) < 255;
}
