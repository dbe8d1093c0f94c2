using AsyncCheckpoints.Benchmarks.Measuring;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RabbitMQ.Client;

namespace AsyncCheckpoints.Benchmarks.Peers;

/// <summary>
/// MassTransit publish → quorum queue → consumer → PostgreSQL, with publisher confirms and MassTransit's own JSON. The
/// consumer runs in this process; everything goes through the broker all the same.
/// </summary>
/// <param name="name">For the table.</param>
/// <param name="itemsPerMessage">Saves in one message.</param>
/// <param name="addConsumer">Registers the consumer.</param>
/// <param name="count">Saves in a round.</param>
/// <param name="quickCount">The same for QUICK.</param>
internal sealed class MassTransitPipeline(
    string name, int itemsPerMessage, Action<IBusRegistrationConfigurator> addConsumer, int count, int quickCount) : IContender
{
    public const ushort Prefetch = 1000;
    private const int InFlight = 1024;
    private readonly string _queue = $"peer-{Guid.NewGuid():N}";
    private readonly Progress _progress = new();
    private PostgresTable? _table;
    private IHost? _host;
    private Lab _lab = null!;

    public string Name => name;

    public static MassTransitPipeline Naive(string name, int count, int quickCount) =>
        new(name, 1, bus => bus.AddConsumer<InsertConsumer>(), count, quickCount);

    public static MassTransitPipeline Batches(string name, int count, int quickCount) => new(
        name,
        1,
        bus => bus.AddConsumer<BatchConsumer>(consumer => consumer.Options<BatchOptions>(
            options => options.SetMessageLimit(500).SetConcurrencyLimit(2).SetTimeLimit(ms: 50))),
        count,
        quickCount);

    public static MassTransitPipeline FatMessages(string name, int count, int quickCount) =>
        new(name, 100, bus => bus.AddConsumer<FatMessageConsumer>(), count, quickCount);

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _table = await PostgresTable.OpenAsync(lab, $"peer_{Guid.NewGuid():N}", create: true);
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(_table).AddSingleton(_progress);
        builder.Services.AddMassTransit(bus =>
        {
            addConsumer(bus);
            bus.UsingRabbitMq((context, rabbit) =>
            {
                rabbit.Host(new Uri(lab.Servers.RabbitMq));
                rabbit.ReceiveEndpoint(_queue, endpoint =>
                {
                    endpoint.SetQuorumQueue();
                    endpoint.PrefetchCount = itemsPerMessage == 1 ? Prefetch : 32;
                    if (itemsPerMessage == 1)
                    {
                        endpoint.ConcurrentMessageLimit = Prefetch;
                    }

                    endpoint.ConfigureConsumers(context);
                });
            });
        });
        builder.Services.Configure<MassTransitHostOptions>(options => options.WaitUntilStarted = true);
        _host = builder.Build();
        await _host.StartAsync();
        await RunAsync(lab.Count(20_000, 1000));
    }

    public Task<Sample> RunAsync() => RunAsync(_lab.Count(count, quickCount));

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.StopAsync();
            _host.Dispose();
            await using var connection = await Floors.RabbitPublish.ConnectAsync(_lab);
            await using var channel = await connection.CreateChannelAsync();
            await channel.QueueDeleteAsync(_queue);
        }

        if (_table is not null)
        {
            await _table.DropAsync();
            await _table.DisposeAsync();
        }
    }

    private async Task<Sample> RunAsync(int saves)
    {
        var table = _table!;
        await table.TruncateAsync();
        var state = _lab.State(1024);
        var bus = _host!.Services.GetRequiredService<IBus>();
        var committed = _progress.Expect(saves);
        var started = await table.NowAsync();
        await Load.RunAsync(saves / itemsPerMessage, InFlight, i => itemsPerMessage == 1
            ? bus.Publish(Make(i, state))
            : bus.Publish(new PeerSaves { Saves = [.. Enumerable.Range(i * itemsPerMessage, itemsPerMessage).Select(j => Make(j, state))] }));
        await committed.WaitAsync(TimeSpan.FromMinutes(15));
        var elapsed = await table.LastCommitAsync() - started;
        Expect.Equal(saves, await table.CountAsync(), "rows in PostgreSQL");
        return Sample.OfRate(saves, elapsed);
    }

    private static PeerSave Make(int i, byte[] state)
    {
        var row = Rows.Make(i, state);
        return new PeerSave { ExecutionId = row.ExecutionId, Id = row.Id, Sequence = row.Sequence, State = row.State };
    }
}
