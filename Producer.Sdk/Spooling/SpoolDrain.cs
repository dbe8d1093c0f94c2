using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Saving;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Log = AsyncCheckpoints.Saving.Log;

namespace AsyncCheckpoints.Spooling;

/// <summary>
/// Sends what is in the spool, oldest first, once the broker takes messages again, and after a restart of the application.
/// A message is removed after its confirm; one that is sent twice has the same command id and has no second effect.
/// </summary>
internal sealed class SpoolDrain(
    ICommandSpool spool, CommandTransport transport, IOptions<CheckpointOptions> options, TimeProvider time, ILogger<SpoolDrain> logger)
    : BackgroundService
{
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
        while (await spool.PeekAsync() is { } next)
        {
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            timeout.CancelAfter(options.Value.BrokerTimeout);
            await transport.SendAsync(next.Message, null, timeout.Token);
            await spool.RemoveAsync(next.Id);
            count++;
        }

        if (count > 0)
        {
            Log.SpoolDrained(logger, count);
        }
    }
}
