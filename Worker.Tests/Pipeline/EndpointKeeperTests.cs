using System.Threading.Channels;
using AsyncCheckpoints.Messaging;
using MassTransit;
using MassTransit.Events;
using MassTransit.Transports;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

/// <summary>On a real endpoint; that it has ended is said by the test, because MassTransit ends it only in a rare race.</summary>
public sealed class EndpointKeeperTests : IAsyncLifetime, IDisposable
{
    private readonly ManualTime _time = new();
    private readonly EndpointKeeper _keeper;
    private readonly Channel<IReceiveEndpoint> _ready = Channel.CreateUnbounded<IReceiveEndpoint>();
    private readonly IBusControl _bus;

    public EndpointKeeperTests()
    {
        _keeper = new EndpointKeeper(_time, NullLogger<EndpointKeeper>.Instance);
        _bus = Bus.Factory.CreateUsingInMemory(bus => bus.ReceiveEndpoint("kept", endpoint =>
        {
            endpoint.ConnectReceiveEndpointObserver(_keeper);
            endpoint.ConnectReceiveEndpointObserver(new Observer(_ready.Writer));
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

    public Task InitializeAsync() => _bus.StartAsync();

    public Task DisposeAsync() => _bus.StopAsync();

    public void Dispose() => _keeper.Dispose();

    private static ReceiveEndpointCompletedEvent Completed(IReceiveEndpoint endpoint) =>
        new(new ReceiveTransportCompletedEvent(endpoint.InputAddress, Metrics.Instance), endpoint);

    private async Task<IReceiveEndpoint> NextReadyAsync() => await _ready.Reader.ReadAsync().AsTask().WaitAsync(Deployment.Patience);

    private Task AdvanceAsync(TimeSpan time)
    {
        _time.Advance(time);
        return _keeper.RestartLostAsync(CancellationToken.None);
    }

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
