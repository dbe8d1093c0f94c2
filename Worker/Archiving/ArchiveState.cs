using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>Whether the archive takes writes, as its writers see it. Thread-safe.</summary>
internal sealed class ArchiveState(ICheckpointArchive archive, TimeProvider time, ILogger<ArchiveState> logger)
{
    private readonly TaskCompletionSource _migrated = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long? _failingSince;

    /// <summary>Completes once the schema is up to date.</summary>
    public Task WhenMigrated => _migrated.Task;

    /// <summary>How long the archive has been away; null while it takes writes.</summary>
    public TimeSpan? Outage
    {
        get
        {
            lock (_lock)
            {
                return _failingSince is { } since ? time.GetElapsedTime(since) : null;
            }
        }
    }

    /// <summary>Completes when the archive goes away or comes back.</summary>
    public Task WhenChanged
    {
        get
        {
            lock (_lock)
            {
                return _changed.Task;
            }
        }
    }

    /// <summary>The schema is up to date.</summary>
    /// <param name="applied">How many migrations that took.</param>
    public void Migrated(int applied)
    {
        Succeeded();
        if (_migrated.TrySetResult())
        {
            Log.Migrated(logger, archive.Name, applied);
        }
    }

    /// <summary>Whether the archive takes a write that has nothing of any message in it. Changes nothing here.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<bool> TryProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await archive.ProbeAsync(cancellationToken);
            return true;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.ProbeFailed(logger, archive.Name, e);
            return false;
        }
    }

    /// <summary>The archive took a write.</summary>
    public void Succeeded()
    {
        TimeSpan outage;
        lock (_lock)
        {
            if (_failingSince is not { } since)
            {
                return;
            }

            outage = time.GetElapsedTime(since);
            _failingSince = null;
            Change();
        }

        Log.ArchiveIsBack(logger, archive.Name, outage.TotalMilliseconds);
    }

    /// <summary>The archive did not answer, or takes no writes.</summary>
    /// <param name="exception">Its fault.</param>
    public void Failed(Exception exception)
    {
        lock (_lock)
        {
            if (_failingSince is not null)
            {
                return;
            }

            _failingSince = time.GetTimestamp();
            Change();
        }

        Log.ArchiveIsAway(logger, archive.Name, exception);
    }

    private void Change()
    {
        var changed = _changed;
        _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        changed.SetResult();
    }
}
