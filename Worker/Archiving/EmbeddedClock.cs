using AsyncCheckpoints.InProcess;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Without Redis the order of saves is this machine's time. When that was set back while the worker did not run, time goes
/// on from the newest that the archive has: otherwise new content and deletions would be older than what is there.
/// </summary>
internal sealed class EmbeddedClock(
    InProcessCheckpointCache cache, ICheckpointArchive archive, ArchiveState state, TimeProvider time, ILogger<EmbeddedClock> logger) : IHostedService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        try
        {
            await state.WhenMigrated.WaitAsync(Patience, time, cancellationToken);
            if (await archive.GetNewestArrivalAsync(cancellationToken) is { } newest && newest > time.GetUtcNow())
            {
                cache.GoOnFrom(newest.AddMicroseconds(1));
                Log.ClockWasSetBack(logger, newest);
            }
        }
        catch (Exception e) when (e is TimeoutException || TransientErrors.IsTransient(e))
        {
            Log.ClockNotChecked(logger, e);
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
