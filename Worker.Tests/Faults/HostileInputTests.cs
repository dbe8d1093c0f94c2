using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Servers;
using Google.Protobuf;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>5,400 generated cases in three tests: 2,500 arguments, 2,100 messages, 800 values in Redis.</summary>
[Collection(FaultTestGroup.Name)]
public sealed partial class HostileInputTests(FaultServers servers)
{
    private const int HugeBytes = 100 * 1024 * 1024;
    private static readonly SaveOptions Cached = new() { Durability = Durability.Cached };

    [Fact]
    public Task Arguments_AreTakenExactlyOrRefusedWithAReason() => FaultLab.RunAsync(servers.Set, 3801, async lab =>
    {
        var nasty = new Nasty(lab.Random);
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync(options => options.MaxStateBytes = 64 * 1024);
        var client = FaultLab.ClientOf(host);
        var saved = new Dictionary<CheckpointKey, Checkpoint>();
        var refused = 0;
        for (var i = 0; i < 2500; i++)
        {
            var checkpoint = new Checkpoint
            {
                ExecutionId = nasty.Text(),
                Namespace = lab.Random.Next(2) == 0 ? "" : nasty.Text(),
                Id = lab.Random.Next(2) == 0 ? $"{i}" : nasty.Text(),
                ParentId = lab.Random.Next(2) == 0 ? null : nasty.Text(),
                NodeName = lab.Random.Next(2) == 0 ? "" : nasty.Text(),
                ContentType = lab.Random.Next(2) == 0 ? "text/plain" : nasty.Text(),
                Version = lab.Random.NextInt64(long.MinValue, long.MaxValue),
                State = lab.Random.Next(50) == 0 ? new byte[(64 * 1024) + lab.Random.Next(-1, 2)] : nasty.Bytes(200),
                Metadata = lab.Random.Next(2) == 0 ? null : nasty.Json(),
                CreatedAt = DateTimeOffset.UnixEpoch,
            };
            try
            {
                var result = await client.SaveAsync(checkpoint, Cached with { ExpectedLatestId = null });
                saved[result.Key] = checkpoint;
                if (lab.Random.Next(20) == 0)
                {
                    await client.DeleteAsync(result.Key);
                    saved.Remove(result.Key);
                }
            }
            catch (ArgumentException e)
            {
                e.Message.ShouldNotBeNullOrWhiteSpace();
                refused++;
                await RefusedAsync(() => client.LoadAsync(new CheckpointKey(nasty.Text(), nasty.Text(), nasty.Text())));
                await RefusedAsync(() => client.ListAsync(new CheckpointQuery
                {
                    ExecutionId = nasty.Text(),
                    ContinuationToken = nasty.Text(),
                    Limit = lab.Random.Next(-2, 5),
                    Metadata = nasty.Json(),
                }));
            }
        }

        lab.Timeline.Note($"{saved.Count} saved, {refused} refused");
        refused.ShouldBeGreaterThan(500);
        saved.Count.ShouldBeGreaterThan(200);
        await lab.SettleAsync(host);
        foreach (var (key, checkpoint) in saved)
        {
            var loaded = (await client.LoadAsync(key)).ShouldNotBeNull($"{key}");
            loaded.State.ToArray().ShouldBe(checkpoint.State.ToArray());
            loaded.NodeName.ShouldBe(checkpoint.NodeName);
            loaded.ContentType.ShouldBe(checkpoint.ContentType);
            var archived = await lab.Archive.FindAsync(
                new CheckpointQuery { ExecutionId = key.ExecutionId, Namespace = key.Namespace, Limit = 1 }, key.Id, null, long.MaxValue, default);
            archived.Items.ShouldHaveSingleItem().State.ToArray().ShouldBe(checkpoint.State.ToArray());
        }

        (await lab.Archive.ListDeadLettersAsync(null, 10, true, default)).ShouldBeEmpty();
        worker.HasExited.ShouldBeFalse();
    });

    [Fact]
    public Task Messages_EndInDeadLettersWithAReasonAndNeighboursAreArchived() => FaultLab.RunAsync(servers.Set, 3802, async lab =>
    {
        var nasty = new Nasty(lab.Random);
        var worker = await lab.StartWorkerAsync();
        var host = await lab.StartClientAsync();
        await FaultLab.ClientOf(host).SaveAsync(new Checkpoint { ExecutionId = "first" });
        var messages = new List<(string, byte[])>();
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
        (await CountAsync(lab, "good")).ShouldBe(neighbours);
        (await CountAsync(lab, "huge")).ShouldBe(0);
        var letters = await lab.Archive.ListDeadLettersAsync(null, 5000, true, default);
        letters.Count.ShouldBeGreaterThan(1000);
        letters.ShouldAllBe(letter => letter.Letter.Reason.Length > 0);
        letters.ShouldContain(letter => letter.Letter.Id == "huge:1" && letter.Letter.Body.Length > HugeBytes);
    });

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
        var fields = CheckpointCodec.Parse(save.Record.Span);
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

    private static async Task RefusedAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (Exception e) when (e is ArgumentException or CheckpointFormatException)
        {
            e.Message.ShouldNotBeNullOrWhiteSpace();
        }
    }

    private static async Task<int> CountAsync(FaultLab lab, string executionId)
    {
        var (count, after) = (0, (ListPosition?)null);
        while (true)
        {
            var page = await lab.Archive.FindAsync(
                new CheckpointQuery { ExecutionId = executionId, Limit = CheckpointQuery.MaxLimit, IncludeState = false }, null, after, long.MaxValue, default);
            count += page.Items.Count;
            if (!page.HasMore)
            {
                return count;
            }

            after = ListPosition.Of(page.Items[^1]);
        }
    }
}
