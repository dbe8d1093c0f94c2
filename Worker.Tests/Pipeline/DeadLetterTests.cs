using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Hosting;
using Google.Protobuf;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Npgsql;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class DeadLetterTests
{
    /// <summary>Nothing is wrong with the message, and nobody is told of a fault: that would hold it once more.</summary>
    [Fact]
    public async Task Message_WorkerHasNoMemoryForIt_GoesBackAndIsArchived()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var bus = worker.Services.GetRequiredService<IWorkerBus>();
        var (memory, faults) = (new ShortOfMemory(3), new Faults());
        bus.ConnectConsumeMessageObserver(memory);
        bus.ConnectPublishObserver(faults);

        await client.SaveAsync(new Checkpoint { ExecutionId = "large" }, new SaveOptions { Durability = Durability.Queued });

        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "large")).Count == 1, "it is archived");
        memory.Left.ShouldBeLessThanOrEqualTo(0);
        (await LettersAsync(worker)).ShouldBeEmpty();
        faults.Count.ShouldBe(0);
    }

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

    /// <summary>In Redis no mark can have such a sequence: there is nothing to remove for it.</summary>
    [Fact]
    public async Task Message_SaveWithoutAPossibleSequence_ItsNeighboursMarkIsRemoved()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["Worker:RescueAfter"] = "1.00:00:00";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.StartClientAsync();
        var cache = Deployment.CacheOf(client);
        var sequence = CheckpointCodec.ToMicroseconds(await cache.GetTimeAsync(CancellationToken.None));
        await cache.PutAsync(Encode("good"), sequence, default, true, CancellationToken.None);
        var message = new CheckpointCommands
        {
            SchemaVersion = WireFormat.SchemaVersion,
            CommandId = "mixed",
            Saves =
            {
                new SaveCheckpoint { Sequence = sequence, Record = ByteString.CopyFrom(Encode("good").Record.Span), Cached = true },
                new SaveCheckpoint { Sequence = -1, Record = ByteString.CopyFrom(Encode("bad").Record.Span), Cached = true },
            },
        };

        await RawQueue.PublishAsync(SharedServers.RabbitMq, deployment.Prefix, (WireFormat.ContentType.MediaType, message.ToByteArray()));

        await Deployment.UntilAsync(async () => (await cache.GetPendingStatsAsync(CancellationToken.None)).Count == 0, "the mark is removed");
        (await Deployment.ArchivedAsync(worker, "x")).ShouldHaveSingleItem().Id.ShouldBe("good");
        (await Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 10, true, default)).ShouldHaveSingleItem().Letter.Reason.ShouldContain("-1");

        static EncodedCheckpoint Encode(string id) =>
            CheckpointCodec.Encode(new Checkpoint { ExecutionId = "x", Id = id, CreatedAt = DateTimeOffset.UnixEpoch });
    }

    /// <summary>Held, it would keep the worker from pausing, and the broker would take it back by itself, again and again.</summary>
    [Fact]
    public async Task Message_ThatCannotBeReadWhileTheArchiveIsAway_GoesBackToTheQueue()
    {
        await using var postgres = TcpProxy.Start(SharedServers.Postgres);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        deployment["ConnectionStrings:Postgres"] = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { MaxPoolSize = 4 }.ConnectionString;
        deployment["Worker:PauseAfter"] = "00:00:01";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await client.SaveAsync(new Checkpoint { ExecutionId = "e" }, new SaveOptions { Durability = Durability.Persisted });
        await postgres.CutAsync();
        await RawQueue.PublishAsync(SharedServers.RabbitMq, deployment.Prefix, ("text/plain", "hello"u8.ToArray()));
        var gate = worker.Services.GetRequiredService<ConsumptionGate>();
        await Deployment.UntilAsync(() => Task.FromResult(!gate.IsOpen), "the worker pauses");
        var queue = worker.Services.GetRequiredService<IQueueDepth>();
        await Deployment.UntilAsync(async () => await queue.CountAsync(CancellationToken.None) is { Waiting: 1 }, "the message is on the queue again");

        postgres.Restore();
        await Deployment.UntilAsync(async () => (await LettersAsync(worker)).Count == 1, "a dead letter");
    }

    private static Task<IReadOnlyList<Worker.Storage.StoredDeadLetter>> LettersAsync(IHost worker) =>
        Deployment.ArchiveOf(worker).ListDeadLettersAsync(null, 100, true, CancellationToken.None);

    /// <summary>The first deliveries find no memory, as the library reports it.</summary>
    private sealed class ShortOfMemory(int deliveries) : IConsumeMessageObserver<CheckpointCommands>
    {
        private int _left = deliveries;

        public int Left => Volatile.Read(ref _left);

        public Task PreConsume(ConsumeContext<CheckpointCommands> context) => Interlocked.Decrement(ref _left) >= 0
            ? throw new System.Runtime.Serialization.SerializationException("Failed to serialize message", new OutOfMemoryException())
            : Task.CompletedTask;

        public Task PostConsume(ConsumeContext<CheckpointCommands> context) => Task.CompletedTask;

        public Task ConsumeFault(ConsumeContext<CheckpointCommands> context, Exception exception) => Task.CompletedTask;
    }

    private sealed class Faults : IPublishObserver
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public Task PrePublish<T>(PublishContext<T> context)
            where T : class
        {
            Interlocked.Add(ref _count, context.Message is Fault ? 1 : 0);
            return Task.CompletedTask;
        }

        public Task PostPublish<T>(PublishContext<T> context)
            where T : class => Task.CompletedTask;

        public Task PublishFault<T>(PublishContext<T> context, Exception exception)
            where T : class => Task.CompletedTask;
    }
}
