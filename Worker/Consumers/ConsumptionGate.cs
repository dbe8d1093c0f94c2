using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Archiving;
using MassTransit;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>
/// When the archive stays away, gives the messages in hand back to the broker and stops consuming until it takes a write.
/// The broker would otherwise take them back by itself after its consumer timeout, again and again; and each delivery to
/// an archive that only reads would bring a message nearer to the broker's limit.
/// </summary>
internal sealed class ConsumptionGate(
    ArchiveState state,
    EndpointKeeper keeper,
    IOptions<WorkerOptions> options,
    TimeProvider time,
    IHostApplicationLifetime lifetime,
    ILogger<ConsumptionGate> logger)
    : BackgroundService, IReceiveEndpointObserver
{
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PatienceAtTheEnd = TimeSpan.FromSeconds(5);
    private volatile IReceiveEndpoint? _endpoint;
    private volatile bool _isOpen = true;
    private CancellationTokenSource _closing = new();

    /// <summary>Cancelled when what has not been committed goes back to the broker.</summary>
    public CancellationToken Closing => Volatile.Read(ref _closing).Token;

    /// <summary>The command queue's endpoint, once it is there.</summary>
    public IReceiveEndpoint? Endpoint => _endpoint;

    /// <summary>Whether the worker consumes, or should: the archive is back.</summary>
    public bool IsOpen => _isOpen || state.Outage is null;

    public Task Ready(ReceiveEndpointReady ready)
    {
        _endpoint = ready.ReceiveEndpoint;
        return Task.CompletedTask;
    }

    /// <summary>At the end of the worker, what the archive does not take in a moment goes back: no more of it comes now.</summary>
    public Task Stopping(ReceiveEndpointStopping stopping)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            Volatile.Read(ref _closing).CancelAfter(PatienceAtTheEnd);
        }

        return Task.CompletedTask;
    }

    public Task Completed(ReceiveEndpointCompleted completed) => Task.CompletedTask;

    public Task Faulted(ReceiveEndpointFaulted faulted) => Task.CompletedTask;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            var changed = state.WhenChanged;
            if (state.Outage is not { } outage)
            {
                await changed.WaitAsync(stoppingToken);
                continue;
            }

            if (outage < options.Value.PauseAfter)
            {
                await Task.WhenAny(changed, Task.Delay(options.Value.PauseAfter - outage, time, stoppingToken));
                stoppingToken.ThrowIfCancellationRequested();
                continue;
            }

            if (_endpoint is not { } endpoint)
            {
                await changed.WaitAsync(stoppingToken);
                continue;
            }

            await PauseAsync(endpoint, stoppingToken);
        }
    }

    private async Task PauseAsync(IReceiveEndpoint endpoint, CancellationToken stoppingToken)
    {
        _isOpen = false;
        Log.Paused(logger, state.Outage?.TotalMilliseconds ?? 0);
        var stopped = keeper.PauseAsync(endpoint, stoppingToken);

        // Not disposed: a message that has just come may still be reading its token.
        await Interlocked.Exchange(ref _closing, new CancellationTokenSource()).CancelAsync();
        await stopped;
        while (state.Outage is not null && !await state.TryProbeAsync(stoppingToken))
        {
            await Task.Delay(ProbeInterval, time, stoppingToken);
        }

        state.Succeeded();
        await keeper.ResumeAsync(endpoint, stoppingToken);
        _isOpen = true;
        Log.Resumed(logger);
    }

    public override void Dispose()
    {
        _closing.Dispose();
        base.Dispose();
    }
}
