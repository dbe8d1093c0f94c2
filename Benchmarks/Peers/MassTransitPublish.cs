using AsyncCheckpoints.Benchmarks.Floors;
using AsyncCheckpoints.Benchmarks.Measuring;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace AsyncCheckpoints.Benchmarks.Peers;

/// <summary>MassTransit publish of one message a save, confirmed, to a quorum queue that nobody reads.</summary>
internal sealed class MassTransitPublish(string name, int inFlight, int count, int quickCount) : IContender
{
    private readonly string _queue = $"peer-{Guid.NewGuid():N}";
    private IHost? _host;
    private IConnection? _connection;
    private Lab _lab = null!;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddMassTransit(bus => bus.UsingRabbitMq((_, rabbit) =>
        {
            rabbit.Host(new Uri(lab.Servers.RabbitMq));
            rabbit.Message<PeerSave>(message => message.SetEntityName(_queue));
            rabbit.Publish<PeerSave>(message => message.BindQueue(_queue, _queue, queue => queue.SetQueueArgument("x-queue-type", "quorum")));
        }));
        _host = builder.Build();
        await _host.StartAsync();
        _connection = await RabbitPublish.ConnectAsync(lab);
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var state = _lab.State(1024);
        var n = _lab.Count(count, quickCount);
        var bus = _host!.Services.GetRequiredService<IBus>();
        var sample = await Load.MeasureAsync(n, inFlight, i =>
        {
            var row = Rows.Make(i, state);
            return bus.Publish(new PeerSave { ExecutionId = row.ExecutionId, Id = row.Id, Sequence = row.Sequence, State = row.State });
        });
        await using var channel = await _connection!.CreateChannelAsync();
        Expect.Equal(n, (await channel.QueueDeclarePassiveAsync(_queue)).MessageCount, "messages on the queue");
        await channel.QueuePurgeAsync(_queue);
        return sample;
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.StopAsync();
            _host.Dispose();
        }

        if (_connection is not null)
        {
            await using (var channel = await _connection.CreateChannelAsync())
            {
                await channel.QueueDeleteAsync(_queue);
                await channel.ExchangeDeleteAsync(_queue);
            }

            await _connection.DisposeAsync();
        }
    }
}
