using System.Threading.Channels;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using MassTransit;
using MassTransit.Events;
using MassTransit.Transports;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

/// <summary>On a real endpoint; that it has ended is said by the test, because MassTransit ends it only in a rare race.</summary>
public sealed class EndpointKeeperTests : IAsyncLifetime, IDisposable
{
    private readonly ManualTime _time = new();
    private readonly EndpointKeeper _keeper;
    private readonly Channel<IReceiveEndpoint> _ready = Channel.CreateUnbounded<IReceiveEndpoint>();
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly IBusControl _bus;

    public EndpointKeeperTests()
    {
        _keeper = new EndpointKeeper(_time, NullLogger<EndpointKeeper>.Instance);
        _bus = Bus.Factory.CreateUsingInMemory(bus => bus.ReceiveEndpoint("kept", endpoint =>
        {
            endpoint.ConnectReceiveEndpointObserver(_keeper);
            endpoint.ConnectReceiveEndpointObserver(new Observer(_ready.Writer));
            endpoint.Handler<Held>(_ =>
            {
                _began.TrySetResult();
                return _release.Task;
            });
        }));
    }

    [Fact]
    public async Task Endpoint_EndedAndSilent_IsStartedAgain()
    {
        var endpoint = await NextReadyAsync();
        await _keeper.Completed(Completed(endpoint));
        await AdvanceAsync(EndpointKeeper.Patience * 2);
        (await NextReadyAsync()).ShouldBe(endpoint);
    }

    [Fact]
    public async Task Endpoint_WithASignOfLife_IsLeftAlone()
    {
        var endpoint = await NextReadyAsync();
        await _keeper.Completed(Completed(endpoint));
        await AdvanceAsync(EndpointKeeper.Patience / 2);
        await _keeper.Faulted(new ReceiveEndpointFaultedEvent(new ReceiveTransportFaultedEvent(endpoint.InputAddress, new IOException()), endpoint));
        await AdvanceAsync(EndpointKeeper.Patience / 2);
        _ready.Reader.TryRead(out _).ShouldBeFalse();
        await AdvanceAsync(EndpointKeeper.Patience);
        (await NextReadyAsync()).ShouldBe(endpoint);
    }

    [Fact]
    public async Task Endpoint_StoppedOnPurpose_StaysStoppedUntilItIsStarted()
    {
        var endpoint = await NextReadyAsync();
        await _keeper.PauseAsync(endpoint, CancellationToken.None);
        await AdvanceAsync(EndpointKeeper.Patience * 2);
        _ready.Reader.TryRead(out _).ShouldBeFalse();
        await _keeper.ResumeAsync(endpoint, CancellationToken.None);
        (await NextReadyAsync()).ShouldBe(endpoint);
    }

    [Fact]
    public async Task Endpoint_ThatDoesNotStop_IsNotWaitedForAndStartedLater()
    {
        var endpoint = await NextReadyAsync();
        await _bus.Publish(new Held());
        await _began.Task.WaitAsync(Deployment.Patience);
        var pause = _keeper.PauseAsync(endpoint, CancellationToken.None);
        pause.IsCompleted.ShouldBeFalse();
        _time.Advance(EndpointKeeper.Patience);
        await pause.WaitAsync(Deployment.Patience);

        await _keeper.ResumeAsync(endpoint, CancellationToken.None);
        _release.SetResult();
        await AdvanceAsync(EndpointKeeper.Patience);
        (await NextReadyAsync()).ShouldBe(endpoint);
    }

    /// <summary>The archive is back, and the worker does not consume yet: that is for the watch to see.</summary>
    [Fact]
    public async Task Gate_EndpointThatDoesNotStop_CountsAsOpenOnceTheArchiveIsBack()
    {
        var endpoint = await NextReadyAsync();
        await _bus.Publish(new Held());
        await _began.Task.WaitAsync(Deployment.Patience);
        var archive = new SqliteArchive(new SqliteArchiveOptions { Path = "unused.db" }, _time);
        var state = new ArchiveState(archive, _time, NullLogger<ArchiveState>.Instance);
        using var gate = new ConsumptionGate(
            state, _keeper, Options.Create(new WorkerOptions { PauseAfter = TimeSpan.Zero }), _time,
            new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance), NullLogger<ConsumptionGate>.Instance);
        await gate.Ready(new ReceiveEndpointReadyEvent(endpoint.InputAddress, endpoint, true));
        await gate.StartAsync(CancellationToken.None);
        var closing = gate.Closing;
        state.Failed(new IOException());
        await Deployment.UntilAsync(() => Task.FromResult(closing.IsCancellationRequested), "the gate is closed");
        gate.IsOpen.ShouldBeFalse();
        state.Succeeded();
        gate.IsOpen.ShouldBeTrue();

        _release.SetResult();
        (await NextReadyAsync()).ShouldBe(endpoint);
        await gate.StopAsync(CancellationToken.None);
    }

    public Task InitializeAsync() => _bus.StartAsync();

    public Task DisposeAsync()
    {
        _release.TrySetResult();
        return _bus.StopAsync();
    }

    public void Dispose() => _keeper.Dispose();

    private static ReceiveEndpointCompletedEvent Completed(IReceiveEndpoint endpoint) =>
        new(new ReceiveTransportCompletedEvent(endpoint.InputAddress, Metrics.Instance), endpoint);

    private async Task<IReceiveEndpoint> NextReadyAsync() => await _ready.Reader.ReadAsync().AsTask().WaitAsync(Deployment.Patience);

    private Task AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return _keeper.RestartLostAsync(CancellationToken.None);
    }

    public sealed record Held;

    private sealed class Metrics : DeliveryMetrics
    {
        public static readonly Metrics Instance = new();

        public long DeliveryCount => 0;

        public int ConcurrentDeliveryCount => 0;
    }

    private sealed class Observer(ChannelWriter<IReceiveEndpoint> ready) : IReceiveEndpointObserver
    {
        public Task Ready(ReceiveEndpointReady e) => ready.WriteAsync(e.ReceiveEndpoint).AsTask();

        public Task Stopping(ReceiveEndpointStopping e) => Task.CompletedTask;

        public Task Completed(ReceiveEndpointCompleted e) => Task.CompletedTask;

        public Task Faulted(ReceiveEndpointFaulted e) => Task.CompletedTask;
    }
}
