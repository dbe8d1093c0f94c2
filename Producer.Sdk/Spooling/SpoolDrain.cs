using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Saving;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Log = AsyncCheckpoints.Saving.Log;

namespace AsyncCheckpoints.Spooling;

/// <summary>
/// Sends what is in the spool, oldest first, once the broker takes messages again, and after a restart of the application.
/// Messages are removed after their confirms; what is sent twice has the same command id and has no second effect.
/// </summary>
internal sealed class SpoolDrain(
    ICommandSpool spool, CommandTransport transport, IOptions<CheckpointOptions> options, TimeProvider time, ILogger<SpoolDrain> logger)
    : BackgroundService
{
    private const int MaxAtATime = 64;

    // What a connection takes at least: 2 Mbit/s. A message by itself gets the time that it needs at that speed.
    private const double SlowestBytesPerSecond = 256 * 1024;

    // After a failure one, then twice as many each time: on a slow connection more would only wait behind each other.
    private int _atATime = MaxAtATime;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failures = 0;
        while (spool.IsEnabled)
        {
            try
            {
                await DrainAsync(stoppingToken);
                failures = 0;
                await spool.WaitForMoreAsync(stoppingToken);
            }
            catch (CheckpointException)
            {
                // What was being sent when the host stops ends so, too.
                if (stoppingToken.IsCancellationRequested)
                {
                    return;
                }

                _atATime = 1;
                await Task.Delay(Backoff.OfCalls.After(failures++), time, stoppingToken);
            }
        }
    }

    private async Task DrainAsync(CancellationToken stoppingToken)
    {
        var count = 0;
        while (await spool.PeekAsync(_atATime) is { Count: > 0 } next)
        {
            // They leave in this order, and their confirms come together.
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            timeout.CancelAfter(options.Value.BrokerTimeout
                + (next is [var alone] ? TimeSpan.FromSeconds(alone.Message.CalculateSize() / SlowestBytesPerSecond) : TimeSpan.Zero));
            var sends = next.Select(spooled => transport.SendAsync(spooled.Message, null, timeout.Token)).ToList();
            try
            {
                await Task.WhenAll(sends);
            }
            finally
            {
                // Those that were confirmed need not go again.
                var sent = next.Take(sends.TakeWhile(send => send.IsCompletedSuccessfully).Count()).ToList();
                if (sent.Count > 0)
                {
                    await spool.RemoveAsync(sent);
                    count += sent.Count;
                }
            }

            _atATime = Math.Min(MaxAtATime, 2 * _atATime);
        }

        if (count > 0)
        {
            Log.SpoolDrained(logger, count);
        }
    }
}
