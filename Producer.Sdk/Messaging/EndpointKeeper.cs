using MassTransit;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Messaging;

/// <summary>
/// Starts receive endpoints again that have ended by themselves. MassTransit (8.4) reconnects one after most faults, but gives
/// it up for good when the fault comes as a cancelled operation, as that of a channel closed at a bad moment does.
/// </summary>
internal sealed class EndpointKeeper(TimeProvider time, ILogger<EndpointKeeper> logger)
    : BackgroundService, IReceiveEndpointObserver, IEndpointConfigurationObserver
{
    /// <summary>How long an endpoint may be silent before it counts as given up.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private readonly SemaphoreSlim _oneAtATime = new(1);
    private readonly Lock _lock = new();

    // Endpoints that should receive, and since when they do not.
    private readonly Dictionary<Uri, (IReceiveEndpoint Endpoint, long? DownSince)> _kept = [];

    public void EndpointConfigured<T>(T configurator)
        where T : IReceiveEndpointConfigurator => configurator.ConnectReceiveEndpointObserver(this);

    /// <summary>
    /// Stops an endpoint until <see cref="ResumeAsync(IReceiveEndpoint, CancellationToken)"/>. One whose connection is dying may
    /// not stop: nothing comes to it either, and nobody waits for it for longer than <see cref="Patience"/>.
    /// </summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="cancellationToken">Stops waiting for the messages in hand.</param>
    public async Task PauseAsync(IReceiveEndpoint endpoint, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            await StopAsync(endpoint, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.EndpointNotStopped(logger, endpoint.InputAddress.AbsolutePath, e);
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    /// <summary>Starts an endpoint that was stopped; one that could not be is tried later.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public async Task ResumeAsync(IReceiveEndpoint endpoint, CancellationToken cancellationToken)
    {
        await _oneAtATime.WaitAsync(cancellationToken);
        try
        {
            await Start(endpoint);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.EndpointRestartFailed(logger, endpoint.InputAddress.AbsolutePath, e);
            await Keep(endpoint, time.GetTimestamp());
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    public Task Ready(ReceiveEndpointReady ready) => Keep(ready.ReceiveEndpoint, downSince: null);

    public Task Completed(ReceiveEndpointCompleted completed) => Down(completed.ReceiveEndpoint);

    public Task Faulted(ReceiveEndpointFaulted faulted) => Down(faulted.ReceiveEndpoint);

    /// <summary>On purpose: by <see cref="PauseAsync(IReceiveEndpoint, CancellationToken)"/>, or with the whole bus.</summary>
    public Task Stopping(ReceiveEndpointStopping stopping)
    {
        lock (_lock)
        {
            _kept.Remove(stopping.InputAddress);
        }

        return Task.CompletedTask;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(Interval, time, stoppingToken);
            await RestartLostAsync(stoppingToken);
        }
    }

    /// <summary>One look at all endpoints.</summary>
    /// <param name="stoppingToken">Stops it.</param>
    internal async Task RestartLostAsync(CancellationToken stoppingToken)
    {
        foreach (var endpoint in Lost())
        {
            await RestartAsync(endpoint, stoppingToken);
        }
    }

    private async Task RestartAsync(IReceiveEndpoint endpoint, CancellationToken stoppingToken)
    {
        await _oneAtATime.WaitAsync(stoppingToken);
        try
        {
            if (!Lost().Contains(endpoint))
            {
                return; // Stopped, or back, in the meantime.
            }

            Log.EndpointRestarted(logger, endpoint.InputAddress.AbsolutePath);
            await StopAsync(endpoint, stoppingToken);
            await Start(endpoint);
        }
        catch (Exception e) when (!stoppingToken.IsCancellationRequested)
        {
            Log.EndpointRestartFailed(logger, endpoint.InputAddress.AbsolutePath, e);
            await Keep(endpoint, time.GetTimestamp());
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private async Task StopAsync(IReceiveEndpoint endpoint, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(Patience, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        await endpoint.Stop(patience.Token).WaitAsync(patience.Token);
    }

    private Task Start(IReceiveEndpoint endpoint)
    {
        endpoint.Start(CancellationToken.None);
        return Keep(endpoint, time.GetTimestamp());
    }

    private List<IReceiveEndpoint> Lost()
    {
        lock (_lock)
        {
            return [.. _kept.Values.Where(kept => kept.DownSince is { } since && time.GetElapsedTime(since) >= Patience).Select(kept => kept.Endpoint)];
        }
    }

    private Task Keep(IReceiveEndpoint endpoint, long? downSince)
    {
        lock (_lock)
        {
            _kept[endpoint.InputAddress] = (endpoint, downSince);
        }

        return Task.CompletedTask;
    }

    private Task Down(IReceiveEndpoint endpoint)
    {
        lock (_lock)
        {
            if (_kept.ContainsKey(endpoint.InputAddress))
            {
                // Counted from its last sign of life: every attempt to reconnect is one.
                _kept[endpoint.InputAddress] = (endpoint, time.GetTimestamp());
            }
        }

        return Task.CompletedTask;
    }

    public override void Dispose()
    {
        _oneAtATime.Dispose();
        base.Dispose();
    }
}
