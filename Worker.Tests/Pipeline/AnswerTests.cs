using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Hosting;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class AnswerTests
{
    [Fact]
    public async Task Answer_ToSendersThatHaveGone_DoesNotDisturbTheWorker()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var worker = await deployment.StartWorkerAsync();
        var interruptions = new Interruptions();
        worker.Services.GetRequiredService<IWorkerBus>().ConnectReceiveEndpointObserver(interruptions);

        // Answered once each, so that whatever the worker keeps of them is there; then they go.
        var gone = new List<Uri>();
        for (var i = 0; i < 3; i++)
        {
            var host = await deployment.StartClientAsync();
            var client = host.Services.GetRequiredService<ICheckpointClient>();
            await client.SaveAsync(NewCheckpoint($"gone-{i}"), new SaveOptions { Durability = Durability.Persisted });
            (await client.ListAsync(new CheckpointQuery { ExecutionId = "nobody" })).Items.ShouldBeEmpty();
            gone.Add(host.Services.GetRequiredService<ICheckpointBus>().Address);
            await deployment.StopAsync(host);
        }

        var staying = await deployment.StartClientAsync();
        var bus = staying.Services.GetRequiredService<ICheckpointBus>();
        var commands = await bus.GetPublishSendEndpoint<CheckpointCommands>();
        var reads = await bus.GetPublishSendEndpoint<FindExecutions>();
        for (var round = 0; round < 20; round++)
        {
            foreach (var address in gone)
            {
                await commands.Send(new CheckpointCommands { SchemaVersion = WireFormat.SchemaVersion, CommandId = $"{round}-{address.Segments[^1]}" }, From(address));
                await reads.Send(new FindExecutions { SchemaVersion = WireFormat.SchemaVersion, Limit = 1 }, From(address));
            }

            await staying.Services.GetRequiredService<ICheckpointClient>()
                .SaveAsync(NewCheckpoint($"round-{round}"), new SaveOptions { Durability = Durability.Persisted });
        }

        (await Deployment.ArchivedAsync(worker, "answers")).Count.ShouldBe(23);
        interruptions.Count.ShouldBe(0);
    }

    private static IPipe<SendContext> From(Uri address) => Pipe.Execute<SendContext>(context =>
    {
        context.RequestId = Guid.NewGuid();
        context.ResponseAddress = address;
    });

    private static Checkpoint NewCheckpoint(string id) => new() { ExecutionId = "answers", Id = id, State = "1"u8.ToArray() };

    private sealed class Interruptions : IReceiveEndpointObserver
    {
        private int _count;

        public int Count => _count;

        public Task Ready(ReceiveEndpointReady ready) => Task.CompletedTask;

        public Task Stopping(ReceiveEndpointStopping stopping) => Task.CompletedTask;

        public Task Completed(ReceiveEndpointCompleted completed) => Add();

        public Task Faulted(ReceiveEndpointFaulted faulted) => Add();

        private Task Add()
        {
            Interlocked.Increment(ref _count);
            return Task.CompletedTask;
        }
    }
}
