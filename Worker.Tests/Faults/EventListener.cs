using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using MassTransit;
using Microsoft.Extensions.Logging.Abstractions;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>Another program that listens to the events; its queue outlives the broker's restarts.</summary>
internal sealed class EventListener : IAsyncDisposable
{
    private readonly IBusControl _bus;
    private readonly EndpointKeeper _keeper = new(TimeProvider.System, NullLogger<EndpointKeeper>.Instance);

    private EventListener(string rabbitMq, string prefix)
    {
        var names = new QueueNames(prefix);
        _bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host(new Uri(rabbitMq));
            rabbit.Message<CheckpointEvents>(message => message.SetEntityName(names.Events));
            rabbit.ConnectReceiveObserver(LostChannelGuard.Instance);
            rabbit.ConnectEndpointConfigurationObserver(_keeper);
            rabbit.ReceiveEndpoint(QueueOf(prefix), endpoint =>
            {
                endpoint.ConfigureReceive(pipe => pipe.UseFilter(LostChannelGuard.Instance));
                endpoint.Handler<CheckpointEvents>(HandleAsync);
            });
        });
    }

    public EventJournal Journal { get; } = new();

    public static string QueueOf(string prefix) => $"{new QueueNames(prefix).Events}.test";

    public static async Task<EventListener> StartAsync(string rabbitMq, string prefix)
    {
        var listener = new EventListener(rabbitMq, prefix);
        await listener._bus.StartAsync();
        await listener._keeper.StartAsync(CancellationToken.None);
        return listener;
    }

    public async ValueTask DisposeAsync()
    {
        await _keeper.StopAsync(CancellationToken.None);
        await _bus.StopAsync(TimeSpan.FromSeconds(10));
        _keeper.Dispose();
    }

    private Task HandleAsync(ConsumeContext<CheckpointEvents> context)
    {
        Journal.Add(context.Message);
        return Task.CompletedTask;
    }
}
