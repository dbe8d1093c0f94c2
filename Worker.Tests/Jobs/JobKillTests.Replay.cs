using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Storage;
using RabbitMQ.Client;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public abstract partial class JobKillTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Replay_AsEventsKilled_PublishesEach(bool isPostgres)
    {
        await using var worker = await FilledAsync(isPostgres);
        await using (var opened = worker.Open())
        {
            // The events of filling it have the same ids.
            var archive = opened.Archive;
            var entries = await archive.ClaimOutboxAsync("test", OutboxKind.Events, TimeSpan.FromMinutes(1), 1000, default);
            await archive.MarkDeliveredAsync("test", [.. entries.Select(entry => entry.Id)], default);
        }

        var names = new QueueNames(worker.UseServers());
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync(names.Events, ExchangeType.Fanout, durable: true);
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.QueueBindAsync(queue, names.Events, "");

        await worker.RunKilledAsync("replay", new { to = "events" }, count);

        var ids = new HashSet<string>();
        while (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
        {
            ids.UnionWith(JsonElement.Parse(message.Body.Span).GetProperty("message").GetProperty("persisted").EnumerateArray()
                .Select(item => item.GetProperty("eventId").GetString()!));
        }

        ids.SetEquals(Enumerable.Range(0, count).Select(JobWorker.Make).Select(c => $"persisted:{c.ExecutionId}:{c.Namespace}:{c.Id}:{c.Sequence}")).ShouldBeTrue();
    }

    [Theory]
    [InlineData("queue")]
    [InlineData("exchange")]
    public async Task Replay_ToQueueOrExchangeKilled_SendsEachWithTheSameCommandId(string kind)
    {
        await using var worker = await FilledAsync();
        worker.UseServers();
        var name = $"replay-{Guid.NewGuid():N}";
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var queue = kind == "queue" ? name : $"{name}-queue";
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false);
        if (kind == "exchange")
        {
            await channel.ExchangeDeclareAsync(name, ExchangeType.Fanout, durable: true, autoDelete: true);
            await channel.QueueBindAsync(queue, name, "");
        }

        await worker.RunKilledAsync("replay", new { to = $"{kind}:{name}" }, count);

        var commands = new Dictionary<string, byte[]>();
        while (await channel.BasicGetAsync(queue, autoAck: true) is { } message)
        {
            var parsed = CheckpointCommands.Parser.ParseFrom(message.Body.Span);
            if (commands.TryGetValue(parsed.CommandId, out var known))
            {
                known.ShouldBe(message.Body.ToArray());
            }

            commands[parsed.CommandId] = message.Body.ToArray();
        }

        await channel.QueueDeleteAsync(queue);
        var saves = commands.Values.SelectMany(body => CheckpointCommands.Parser.ParseFrom(body).Saves).Select(save => save.Sequence).ToList();
        saves.Order().ShouldBe(Enumerable.Range(0, count).Select(i => JobWorker.Make(i).Sequence));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Replay_ToCacheKilled_RedisHoldsAll(bool isPostgres)
    {
        await using var worker = await FilledAsync(isPostgres);
        worker.UseServers();
        await worker.RunKilledAsync("replay", new { to = "cache" }, count);
        var verified = await worker.RunAsync("verify", new { against = "cache" });
        verified.GetProperty("findings").GetInt64().ShouldBe(0);
        verified.GetProperty("counts").GetProperty("compared").GetInt64().ShouldBe(count);
        (await worker.Http.GetStringAsync("/stats")).ShouldContain("\"pending\":0");
    }
}
