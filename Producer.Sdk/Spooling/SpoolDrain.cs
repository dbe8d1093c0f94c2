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
    private const int AtATime = 64;

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
            catch (CheckpointException) when (!stoppingToken.IsCancellationRequested)
            {
                await Task.Delay(CommandSender.Backoff(failures++), time, stoppingToken);
            }
        }
    }

    private async Task DrainAsync(CancellationToken stoppingToken)
    {
        var count = 0;
        while (await spool.PeekAsync(AtATime) is { Count: > 0 } next)
        {
            // They leave in this order, and their confirms come together.
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            timeout.CancelAfter(options.Value.BrokerTimeout);
            await Task.WhenAll(next.Select(spooled => transport.SendAsync(spooled.Message, null, timeout.Token)).ToList());
            await spool.RemoveAsync(next);
            count += next.Count;
        }

        if (count > 0)
        {
            Log.SpoolDrained(logger, count);
        }
    }
}
