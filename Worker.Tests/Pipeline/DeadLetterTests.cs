using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Servers;
using Google.Protobuf;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class DeadLetterTests
{
    [Fact]
    public async Task Messages_ThatCannotBeRead_EndInDeadLettersWithAReasonAndHoldNothingUp()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await client.SaveAsync(new Checkpoint { ExecutionId = "good", State = new byte[] { 1 } });

        var good = CheckpointCodec.Encode(new Checkpoint { ExecutionId = "good", Id = "neighbour", State = new byte[] { 2 }, CreatedAt = DateTimeOffset.UnixEpoch });
        var corrupt = good.Record.ToArray();
        corrupt[^9] ^= 0xff; // In the state: its checksum fails.
        var newer = new CheckpointCommands { SchemaVersion = 99, CommandId = "newer" };
        var mixed = new CheckpointCommands
        {
            SchemaVersion = 1,
            CommandId = "mixed",
            Saves =
            {
                new SaveCheckpoint { Sequence = 5, Record = ByteString.CopyFrom(corrupt) },
                new SaveCheckpoint { Sequence = 6, Record = ByteString.CopyFrom(good.Record.Span) },
                new SaveCheckpoint { Sequence = 0, Record = ByteString.CopyFrom(good.Record.Span) },
            },
        };
        await RawQueue.PublishAsync(
            SharedServers.RabbitMq,
            deployment.Prefix,
            (WireFormat.ContentType.MediaType, newer.ToByteArray()),
            (WireFormat.ContentType.MediaType, mixed.ToByteArray()),
            (WireFormat.ContentType.MediaType, [0xff, 0xff, 0xff]),
            ("application/vnd.masstransit+json", "{\"message\":{\"broken\":"u8.ToArray()),
            ("application/vnd.masstransit+json", "{\"messageType\":[\"urn:message:Other:Thing\"],\"message\":{}}"u8.ToArray()),
            ("text/plain", "hello"u8.ToArray()));

        var after = await client.SaveAsync(
            new Checkpoint { ExecutionId = "good", State = new byte[] { 3 } }, new SaveOptions { Durability = Durability.Persisted });
        after.Reached.ShouldBe(Durability.Persisted);
        await Deployment.UntilAsync(async () => (await LettersAsync(worker)).Count >= 7, "seven dead letters");
        var letters = await LettersAsync(worker);
        letters.Count.ShouldBe(7);
        letters.ShouldAllBe(letter => letter.Letter.Reason.Length > 0);
        letters.ShouldContain(letter => letter.Letter.Reason.Contains("schema version is 99"));
        letters.ShouldContain(letter => letter.Letter.Id == "mixed:0" && letter.Letter.Reason.Contains("checksum"));
        letters.ShouldContain(letter => letter.Letter.Id == "mixed:2" && letter.Letter.Reason.Contains("sequence is 0"));
        (await Deployment.ArchivedAsync(worker, "good")).ShouldContain(checkpoint => checkpoint.Id == "neighbour");
    }

    private static Task<IReadOnlyList<Worker.Storage.StoredDeadLetter>> LettersAsync(IHost worker) =>
        Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 100, true, CancellationToken.None);
}
