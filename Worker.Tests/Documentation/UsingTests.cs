using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Hosting;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Documentation;

/// <summary>The code of docs/USING.md.</summary>
public sealed class UsingTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("using");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task SessionInATest_AsPrinted_ResumesWhereItStopped()
    {
        var folder = _folder.FullName;
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration["Worker:DataPath"] = folder;
        builder.Services.AddCheckpointWorker(builder.Configuration);
        using var host = builder.Build();
        await host.StartAsync();
        var checkpoints = host.Services.GetRequiredService<ICheckpointClient>();

        (await RunAsync(checkpoints, steps: 2)).ShouldBe(new Plan("draft", 2));
        (await RunAsync(checkpoints, steps: 3)).ShouldBe(new Plan("draft", 3));

        var saved = await checkpoints.ListAsync(new CheckpointQuery { ExecutionId = "run-44", OldestFirst = true, IncludeState = true });
        saved.Items.Select(checkpoint => checkpoint.ReadState(PlanJson.Default.Plan)!.Step).ShouldBe([1, 2, 3]);
        saved.Items.Select(checkpoint => checkpoint.ParentId).ShouldBe([null, saved.Items[0].Id, saved.Items[1].Id]);
        await host.StopAsync();
    }

    [Fact]
    public async Task Listener_AsPrinted_HearsWhatIsArchivedAndDeleted()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        using var host = ListenTo(SharedServers.RabbitMq, deployment.Prefix);
        await host.StartAsync();
        var heard = host.Services.GetRequiredService<Channel<string>>().Reader;
        using var timeout = new CancellationTokenSource(Deployment.Patience);

        // Its queue is bound before anything is published.
        (await host.Services.GetRequiredService<IBusControl>().WaitForHealthStatus(BusHealthStatus.Healthy, timeout.Token)).ShouldBe(BusHealthStatus.Healthy);
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "run 45", Id = "c1", NodeName = "plan" });
        (await heard.ReadAsync(timeout.Token)).ShouldBe($"plan: persisted:run%2045::c1:{saved.Sequence}");
        await client.DeleteAsync(saved.Key);
        (await heard.ReadAsync(timeout.Token)).ShouldStartWith("gone: deleted:run%2045::c1:");
        await host.StopAsync(timeout.Token);
    }

    [Fact]
    public async Task Events_OnTheWire_AreTheJsonThatTheDocumentNames()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        await channel.ExchangeDeclareAsync($"{deployment.Prefix}.events", ExchangeType.Fanout, durable: true);
        var queue = (await channel.QueueDeclareAsync()).QueueName;
        await channel.QueueBindAsync(queue, $"{deployment.Prefix}.events", "");
        var bodies = Channel.CreateUnbounded<byte[]>();
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, delivery) => await bodies.Writer.WriteAsync(delivery.Body.ToArray());
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);

        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "run-46", Id = "c1", NodeName = "plan" });
        using var timeout = new CancellationTokenSource(Deployment.Patience);
        using var body = JsonDocument.Parse(await bodies.Reader.ReadAsync(timeout.Token));

        var persisted = body.RootElement.GetProperty("message").GetProperty("persisted").EnumerateArray().ShouldHaveSingleItem();
        persisted.EnumerateObject().ToDictionary(member => member.Name, member => member.Value.ToString()).ShouldBe(
            new Dictionary<string, string>
            {
                ["eventId"] = $"persisted:run-46::c1:{saved.Sequence}",
                ["executionId"] = "run-46",
                ["namespace"] = "",
                ["id"] = "c1",
                ["sequence"] = $"{saved.Sequence}",
                ["nodeName"] = "plan",
            },
            ignoreOrder: true);
        body.RootElement.GetProperty("message").GetProperty("deleted").EnumerateArray().ShouldBeEmpty();
    }

    private static async Task<Plan> RunAsync(ICheckpointClient checkpoints, int steps)
    {
        await using var session = checkpoints.OpenSession("run-44", new CheckpointSessionOptions { FenceWriters = true });
        var latest = await session.ResumeAsync();
        var plan = latest?.ReadState(PlanJson.Default.Plan) ?? new Plan("draft", 0);
        while (plan.Step < steps)
        {
            plan = plan with { Step = plan.Step + 1 };
            await session.StepAsync("act", plan, PlanJson.Default.Plan);
        }

        return plan;
    }

    private static IHost ListenTo(string rabbitMq, string prefix)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(Channel.CreateUnbounded<string>());
        builder.Services.AddMassTransit(bus =>
        {
            bus.AddConsumer<CheckpointListener>();
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(new Uri(rabbitMq));
                rabbit.Message<CheckpointEvents>(message => message.SetEntityName($"{prefix}.events"));
                rabbit.ReceiveEndpoint($"{prefix}.events.reports", endpoint => endpoint.ConfigureConsumer<CheckpointListener>(context));
            });
        });
        return builder.Build();
    }
}

internal sealed record Plan(string Title, int Step);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(Plan))]
internal sealed partial class PlanJson : JsonSerializerContext;

internal sealed class CheckpointListener(Channel<string> heard) : IConsumer<CheckpointEvents>
{
    public async Task Consume(ConsumeContext<CheckpointEvents> context)
    {
        foreach (var persisted in context.Message.Persisted)
        {
            await heard.Writer.WriteAsync($"{persisted.NodeName}: {persisted.EventId}");
        }

        foreach (var deleted in context.Message.Deleted)
        {
            await heard.Writer.WriteAsync($"gone: {deleted.EventId}");
        }
    }
}
