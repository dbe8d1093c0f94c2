using System.Diagnostics;
using AsyncCheckpoints.Benchmarks.Measuring;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>
/// RabbitMQ.Client by itself: saves of 1 KB, 64 to a persistent message, on a quorum queue, each message confirmed; where
/// asked, another connection takes and acknowledges them meanwhile.
/// </summary>
internal sealed class RabbitFatMessages(string name, bool isConsumed, int count, int quickCount) : IContender
{
    private const int Saves = 64;
    private const int InFlight = 16;
    private readonly string _queue = $"floor-{Guid.NewGuid():N}";
    private IConnection? _publisher;
    private IConnection? _consumer;
    private IChannel _channel = null!;
    private Lab _lab = null!;
    private long _expected;
    private long _taken;
    private TaskCompletionSource _allTaken = new();

    public string Name => name;

    public async Task PrepareAsync(Lab lab)
    {
        _lab = lab;
        _publisher = await RabbitPublish.ConnectAsync(lab);
        _channel = await RabbitPublish.OpenQueueAsync(_publisher, _queue);
        if (isConsumed)
        {
            _consumer = await RabbitPublish.ConnectAsync(lab);
            var channel = await _consumer.CreateChannelAsync();
            await channel.BasicQosAsync(0, 32, global: false);
            var consumer = new AsyncEventingBasicConsumer(channel);
            consumer.ReceivedAsync += TakeAsync;
            await channel.BasicConsumeAsync(_queue, autoAck: false, consumer);
        }

        await RunAsync();
    }

    public async Task<Sample> RunAsync()
    {
        var body = _lab.State(Saves * 1024);
        var messages = _lab.Count(count, quickCount) / Saves;
        var properties = new BasicProperties { Persistent = true };
        (_taken, _expected, _allTaken) = (0, messages, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var started = Stopwatch.GetTimestamp();
        await Load.RunAsync(messages, InFlight, _ => _channel.BasicPublishAsync("", _queue, mandatory: true, properties, body).AsTask());
        if (isConsumed)
        {
            await _allTaken.Task;
        }

        var elapsed = Stopwatch.GetElapsedTime(started);
        if (!isConsumed)
        {
            Expect.Equal(messages, (await _channel.QueueDeclarePassiveAsync(_queue)).MessageCount, "messages on the queue");
            await _channel.QueuePurgeAsync(_queue);
        }

        return Sample.OfRate((long)messages * Saves, elapsed);
    }

    public async ValueTask DisposeAsync()
    {
        if (_consumer is not null)
        {
            await _consumer.DisposeAsync();
        }

        if (_publisher is not null)
        {
            await _channel.QueueDeleteAsync(_queue);
            await _publisher.DisposeAsync();
        }
    }

    private async Task TakeAsync(object sender, BasicDeliverEventArgs delivery)
    {
        await ((AsyncEventingBasicConsumer)sender).Channel.BasicAckAsync(delivery.DeliveryTag, multiple: false);
        if (Interlocked.Increment(ref _taken) == _expected)
        {
            _allTaken.SetResult();
        }
    }
}
