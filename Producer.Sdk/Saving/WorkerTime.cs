using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// Where Redis could not be reached when the host started: takes the time from a worker, which has it from Redis. By a
/// clock of its own that is behind, this process would order its saves before archived ones, and below their tombstones.
/// </summary>
internal sealed class WorkerTime(
    CacheLink cache, CommandTransport transport, SequenceClock clock, IOptions<CheckpointOptions> options, ILogger<WorkerTime> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (cache.IsReady)
        {
            return;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(options.Value.BrokerTimeout);
        try
        {
            var answer = await transport.FindAsync(new FindExecutions { SchemaVersion = WireFormat.SchemaVersion, Limit = 1 }, patience.Token);
            if (answer.SequenceNow > 0)
            {
                clock.Synchronize(CheckpointCodec.FromMicroseconds(answer.SequenceNow));
                Log.TimeTakenFromWorker(logger);
                return;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return; // It is told to stop while it starts, which is no failure.
        }
        catch (Exception e) when (e is CheckpointException or OperationCanceledException)
        {
            // No worker told the time.
        }

        Log.TimeUnconfirmed(logger);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
