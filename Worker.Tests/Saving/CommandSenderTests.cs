using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Saving;

public sealed class CommandSenderTests
{
    [Fact]
    public async Task Enqueue_AnotherIsOnItsWayToRedis_LeavesWithIt()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var services = (await deployment.StartClientAsync()).Services;
        var transport = services.GetRequiredService<CommandTransport>();
        var budget = services.GetRequiredService<BufferBudget>();
        await using var sut = new CommandSender(
            transport,
            services.GetRequiredService<ICheckpointCache>(),
            new NoSpool(),
            budget,
            services.GetRequiredService<IOptions<CheckpointOptions>>(),
            new ManualTime(),
            NullLogger<CommandSender>.Instance);

        sut.Expect();
        sut.Expect();
        var first = Enter("first");

        // Long enough for another message to be confirmed.
        await transport.SendAsync(new CheckpointCommands { CommandId = "other" }, null, CancellationToken.None);
        var second = Enter("second");
        await Task.WhenAll(first.Reached, second.Reached).WaitAsync(Deployment.Patience);

        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var messages = new List<CheckpointCommands>();
        while (await channel.BasicGetAsync(new QueueNames(deployment.Prefix).Commands, autoAck: true) is { } message)
        {
            messages.Add(CheckpointCommands.Parser.ParseFrom(message.Body.Span));
        }

        messages.Select(message => message.Saves.Count).ShouldBe([0, 2]);

        Command Enter(string id)
        {
            var command = new Command
            {
                Kind = PendingKind.Save,
                Key = new CheckpointKey("e", id),
                Sequence = 1,
                IsCached = true,
                Wanted = Durability.Queued,
                Record = new byte[1],
                Room = budget.TryReserve(1)!.Value,
            };
            sut.Enqueue(command);
            sut.Arrived();
            return command;
        }
    }
}
