using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Storage;
using RabbitMQ.Client;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class ReplayTests
{
    private const int Count = 300;
    private readonly string _prefix = $"t{Guid.NewGuid():N}"[..20];

    [Fact]
    public async Task Replay_AsEventsFiltered_CarriesTheEventIdsOfTheCommit()
    {
        await using var worker = await StartAsync();
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var names = new QueueNames(_prefix);
        await channel.ExchangeDeclareAsync(names.Events, ExchangeType.Fanout, durable: true);
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.QueueBindAsync(queue, names.Events, "");

        var from = CheckpointCodec.FromMicroseconds(JobWorker.Make(100).Sequence);
        await worker.RunAsync("replay", new { to = "events", node = "node-1", savedFrom = from, metadata = new { }, executionPrefix = "e-" });

        var ids = new List<string>();
        while (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
        {
            ids.AddRange(JsonElement.Parse(message.Body.Span).GetProperty("message").GetProperty("persisted").EnumerateArray()
                .Select(item => item.GetProperty("eventId").GetString()!));
        }

        var expected = Enumerable.Range(100, Count - 100).Select(JobWorker.Make).Where(c => c.NodeName == "node-1")
            .Select(c => $"persisted:{c.ExecutionId}:{c.Namespace}:{c.Id}:{c.Sequence}");
        ids.Distinct().ShouldBe(expected, ignoreOrder: true); // An event may come twice.
    }

    [Fact]
    public async Task Replay_ToAQueueAgain_IsNewToItsReader()
    {
        await using var worker = await StartAsync();
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var queue = $"{_prefix}.replayed";
        await channel.QueueDeclareAsync(queue, durable: false, exclusive: true, autoDelete: true);

        await worker.RunAsync("replay", new { to = $"queue:{queue}" });
        var first = await ReadAsync();
        await worker.RunAsync("replay", new { to = $"queue:{queue}" });
        var second = await ReadAsync();

        first.SelectMany(message => message.Saves).ShouldBe(second.SelectMany(message => message.Saves), ignoreOrder: true);
        first.Sum(message => message.Saves.Count).ShouldBe(Count);
        first.Concat(second).Select(message => message.CommandId).ShouldBeUnique();

        async Task<List<CheckpointCommands>> ReadAsync()
        {
            var messages = new List<CheckpointCommands>();
            while (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
            {
                messages.Add(CheckpointCommands.Parser.ParseFrom(message.Body.Span));
            }

            return messages;
        }
    }

    [Theory]
    [InlineData("queue:nobody-made-this-one")]
    [InlineData("exchange:nobody-made-this-one")]
    public async Task Replay_ToNowhere_IsDiscardedAndSaysWhy(string to)
    {
        await using var worker = await StartAsync();
        var job = await worker.WaitAsync(await worker.PostAsync("replay", new { to }));
        job.GetProperty("state").GetString().ShouldBe("discarded");
        job.GetProperty("error").GetString()!.ShouldContain(to);
    }

    private async Task<JobWorker> StartAsync()
    {
        var worker = new JobWorker();
        await using (var archive = worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, Count);

            // The events of filling it are not what a test is about.
            var entries = await archive.ClaimOutboxAsync("test", OutboxKind.Events, TimeSpan.FromMinutes(1), 1000, default);
            await archive.MarkDeliveredAsync("test", [.. entries.Select(entry => entry.Id)], default);
        }

        worker.UseServers(_prefix);
        await worker.StartAsync();
        return worker;
    }
}
