using AsyncCheckpoints.Saving;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints;

/// <summary>Reaches Redis when the host starts, and drains the buffer when it stops, before the bus does.</summary>
internal sealed class CheckpointClientService(CacheLink cache, SavePipeline pipeline, IOptions<CheckpointOptions> options) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await cache.CallAsync(static (_, _, _) => Task.FromResult(true), true, cancellationToken);
        }
        catch (CheckpointUnavailableException)
        {
            // The application starts without Redis; every call tries again.
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // It is told to stop while it starts, which is no failure.
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => pipeline.DrainAsync(options.Value.DrainTimeout, cancellationToken);
}
