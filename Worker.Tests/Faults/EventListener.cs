using System.Collections.Concurrent;
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
    private readonly ConcurrentDictionary<(CheckpointKey Key, long Sequence), ConcurrentDictionary<string, int>> _persisted = new();

    private EventListener(string rabbitMq, string prefix)
    {
        var names = new QueueNames(prefix);
        _bus = Bus.Factory.CreateUsingRabbitMq(rabbit =>
        {
            rabbit.Host(new Uri(rabbitMq));
            rabbit.Message<CheckpointEvents>(message => message.SetEntityName(names.Events));
            rabbit.ConnectReceiveObserver(LostChannelGuard.Instance);
            rabbit.ConnectEndpointConfigurationObserver(_keeper);
            rabbit.ReceiveEndpoint($"{names.Events}.test", endpoint =>
            {
                endpoint.ConfigureReceive(pipe => pipe.UseFilter(LostChannelGuard.Instance));
                endpoint.Handler<CheckpointEvents>(HandleAsync);
            });
        });
    }

    public static async Task<EventListener> StartAsync(string rabbitMq, string prefix)
    {
        var listener = new EventListener(rabbitMq, prefix);
        await listener._bus.StartAsync();
        await listener._keeper.StartAsync(CancellationToken.None);
        return listener;
    }

    /// <summary>Whether a checkpoint has been announced.</summary>
    public bool Knows(CheckpointKey key, long sequence) => _persisted.ContainsKey((key, sequence));

    /// <summary>Checkpoints announced under more than one event id, and event ids used for more than one.</summary>
    public IEnumerable<string> Unstable() =>
        _persisted.Where(item => item.Value.Count > 1).Select(item => $"{item.Key} has the event ids {string.Join(", ", item.Value.Keys)}")
            .Concat(_persisted.SelectMany(item => item.Value.Keys).GroupBy(id => id).Where(group => group.Count() > 1)
                .Select(group => $"{group.Key} stands for {group.Count()} checkpoints"));

    public async ValueTask DisposeAsync()
    {
        await _keeper.StopAsync(CancellationToken.None);
        await _bus.StopAsync(TimeSpan.FromSeconds(10));
        _keeper.Dispose();
    }

    private Task HandleAsync(ConsumeContext<CheckpointEvents> context)
    {
        foreach (var item in context.Message.Persisted)
        {
            _persisted.GetOrAdd((new CheckpointKey(item.ExecutionId, item.Namespace, item.Id), item.Sequence), _ => new())
                .AddOrUpdate(item.EventId, 1, (_, count) => count + 1);
        }

        return Task.CompletedTask;
    }
}
