using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using RabbitMQ.Client;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Saving;

public sealed class CommandSenderTests
{
    private static readonly Routes Broken = new(_ => throw new OutOfMemoryException(), null);
    private readonly BufferBudget _budget = new(100, 1000);

    [Fact]
    public async Task Enqueue_AnotherIsOnItsWayToRedis_LeavesWithIt()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var services = (await deployment.StartClientAsync()).Services;
        await using var sut = Create(services);
        sut.Expect();
        sut.Expect();
        var first = Enter(sut, "first");
        sut.Arrived();

        // Long enough for another message to be confirmed.
        await services.GetRequiredService<CommandTransport>().SendAsync(new CheckpointCommands { CommandId = "other" }, null, CancellationToken.None);
        var second = Enter(sut, "second");
        sut.Arrived();
        await Task.WhenAll(first.Reached, second.Reached).WaitAsync(Deployment.Patience);

        await using var connection = await new ConnectionFactory { Uri = new Uri(SharedServers.RabbitMq) }.CreateConnectionAsync();
        await using var channel = await connection.CreateChannelAsync();
        var messages = new List<CheckpointCommands>();
        while (await channel.BasicGetAsync(new QueueNames(deployment.Prefix).Commands, autoAck: true) is { } message)
        {
            messages.Add(CheckpointCommands.Parser.ParseFrom(message.Body.Span));
        }

        messages.Select(message => message.Saves.Count).ShouldBe([0, 2]);
    }

    [Fact]
    public async Task Enqueue_AllOthersPause_DoesNotWaitForThem()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var failed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var sut = Create(
            (await deployment.StartClientAsync(options => options.MaxConcurrentSends = 1)).Services,
            new Routes(bus => failed.TrySetResult() ? throw new TimeoutException() : Routes.RabbitMq.GetCommandsAsync(bus), null));
        var first = Enter(sut, "first", isCached: false);
        await failed.Task.WaitAsync(Deployment.Patience);

        // The clock stands still: the first one, which had the only slot, pauses for ever.
        var second = Enter(sut, "second");

        (await second.Reached.WaitAsync(Deployment.Patience)).ShouldBe(Durability.Queued);
        first.Reached.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Enqueue_CallerWaitsThoughRedisIsAway_LeavesAtOnce()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        await using var sut = Create((await deployment.StartClientAsync()).Services);
        await Enter(sut, "first").Reached.WaitAsync(Deployment.Patience);

        // The clock stands still: what nobody waits for would never leave.
        await Enter(sut, "second", isCached: false, Durability.Cached).Reached.WaitAsync(Deployment.Patience);
    }

    [Fact]
    public async Task Enqueue_CallerGivesUpWhileAnotherIsDropped_GivesAllRoomBack()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        Command? second = null;
        await using var sut = Create((await deployment.StartClientAsync()).Services, logger: new HookedLogger(() => second!.Abandon()));
        sut.Expect();
        sut.Expect();
        var first = Enter(sut, "first", isCached: false);
        first.Abandon();
        second = Enter(sut, "second", isCached: false);
        sut.Arrived();
        sut.Arrived();

        await Should.ThrowAsync<CheckpointUnavailableException>(() => first.Reached.WaitAsync(Deployment.Patience));
        await Should.ThrowAsync<CheckpointUnavailableException>(() => second.Reached.WaitAsync(Deployment.Patience));
        await _budget.WhenEmptyAsync().WaitAsync(Deployment.Patience);
    }

    [Fact]
    public async Task Enqueue_LoggingFails_GivesAllRoomBack()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var isFirst = true;
        await using var sut = Create((await deployment.StartClientAsync()).Services, Broken, new HookedLogger(() =>
        {
            (var fails, isFirst) = (isFirst, false);
            if (fails)
            {
                throw new IOException("The disk is full.");
            }
        }));

        var command = Enter(sut, "first", isCached: false);

        await Should.ThrowAsync<CheckpointUnavailableException>(() => command.Reached.WaitAsync(Deployment.Patience));
        await _budget.WhenEmptyAsync().WaitAsync(Deployment.Patience);
    }

    [Fact]
    public async Task SendAsync_NoMemory_IsUnavailable()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var services = (await deployment.StartClientAsync()).Services;
        var sut = new CommandTransport(
            services.GetRequiredService<ICheckpointBus>(), Broken, services.GetRequiredService<IOptions<CheckpointOptions>>());

        await Should.ThrowAsync<CheckpointUnavailableException>(() => sut.SendAsync(new CheckpointCommands(), null, default));
    }

    [Fact]
    public async Task Arrived_AfterTheEnd_DoesNothing()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var sut = Create((await deployment.StartClientAsync()).Services);
        sut.Expect();
        await sut.DisposeAsync();

        var command = Enter(sut, "late", isCached: false);
        sut.Arrived();

        await Should.ThrowAsync<CheckpointUnavailableException>(() => command.Reached);
        _budget.Items.ShouldBe(0);
    }

    private CommandSender Create(IServiceProvider services, Routes? routes = null, ILogger<CommandSender>? logger = null)
    {
        var options = services.GetRequiredService<IOptions<CheckpointOptions>>();
        return new CommandSender(
            new CommandTransport(services.GetRequiredService<ICheckpointBus>(), routes ?? Routes.RabbitMq, options),
            services.GetRequiredService<ICheckpointCache>(),
            new NoSpool(),
            _budget,
            options,
            new ManualTime(),
            logger ?? NullLogger<CommandSender>.Instance);
    }

    private Command Enter(CommandSender sut, string id, bool isCached = true, Durability wanted = Durability.Queued)
    {
        var command = new Command
        {
            Kind = PendingKind.Save,
            Key = new CheckpointKey("e", id),
            Sequence = 1,
            IsCached = isCached,
            Wanted = wanted,
            Record = new byte[1],
            Room = _budget.TryReserve(1)!.Value,
        };
        sut.Enqueue(command);
        return command;
    }

    private sealed class HookedLogger(Action log) : ILogger<CommandSender>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => log();
    }
}
