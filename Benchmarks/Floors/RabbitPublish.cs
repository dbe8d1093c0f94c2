using AsyncCheckpoints.Benchmarks.Measuring;
using RabbitMQ.Client;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>RabbitMQ.Client by itself: persistent messages to a quorum queue, each confirmed.</summary>
internal sealed class RabbitPublish(string name, int stateBytes, int inFlight, int count, int quickCount) : IContender
{
    private readonly string _queue = $"floor-{Guid.NewGuid():N}";
    private IConnection? _connection;
    private IChannel _channel = null!;
    private Lab _lab = null!;

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _connection = await ConnectAsync(lab);
        _channel = await OpenQueueAsync(_connection, _queue);
        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var state = _lab.State(stateBytes);
        var n = _lab.Count(count, quickCount);
        var properties = new BasicProperties { Persistent = true };
        var sample = await Load.MeasureAsync(
            n, inFlight, _ => _channel.BasicPublishAsync("", _queue, mandatory: true, properties, state).AsTask());
        Expect.Equal(n, (await _channel.QueueDeclarePassiveAsync(_queue)).MessageCount, "messages on the queue");
        await _channel.QueuePurgeAsync(_queue);
        return sample.With(Metric.MegabytesPerSecond, sample[Metric.Rate] * stateBytes / 1e6);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _channel.QueueDeleteAsync(_queue);
            await _connection.DisposeAsync();
        }
    }

    /// <summary>A channel whose messages are confirmed, and a quorum queue.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="queue">The queue's name.</param>
    public static async Task<IChannel> OpenQueueAsync(IConnection connection, string queue)
    {
        var channel = await connection.CreateChannelAsync(
            new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true, outstandingPublisherConfirmationsRateLimiter: null));
        await channel.QueueDeclareAsync(
            queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" });
        return channel;
    }

    /// <summary>Connects.</summary>
    /// <param name="lab">The servers.</param>
    public static Task<IConnection> ConnectAsync(Lab lab) =>
        new ConnectionFactory { Uri = new Uri(lab.Servers.RabbitMq) }.CreateConnectionAsync();
}
