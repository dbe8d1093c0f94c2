using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>Runs a duty round after round: at once while there is work, else after its interval; with backoff when it fails.</summary>
/// <typeparam name="TDuty">The duty.</typeparam>
internal sealed class DutyLoop<TDuty>(TDuty duty, ArchiveState state, TimeProvider time, ILogger<TDuty> logger) : BackgroundService
    where TDuty : IDuty
{
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(30));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (duty.NeedsArchive)
        {
            await state.WhenMigrated.WaitAsync(stoppingToken);
        }

        var failures = 0;
        while (true)
        {
            stoppingToken.ThrowIfCancellationRequested();
            var started = time.GetTimestamp();
            try
            {
                var done = await duty.RunOnceAsync(stoppingToken);
                failures = 0;
                if (done > 0)
                {
                    Log.RoundDone(logger, duty.Name, done, time.GetElapsedTime(started).TotalMilliseconds);
                    continue;
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                Log.RoundFailed(logger, duty.Name, failures + 1, e);
                await Task.Delay(Backoff.After(failures++), time, stoppingToken);
                continue;
            }

            using var woken = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(duty.WaitForWorkAsync(woken.Token), Task.Delay(duty.Interval, time, woken.Token));
            await woken.CancelAsync();
        }
    }
}
