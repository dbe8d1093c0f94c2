namespace AsyncCheckpoints;

/// <content>How a step is saved, at once or when the interval has passed. All of it runs inside the gate.</content>
public sealed partial class CheckpointSession
{
    private readonly ITimer? _timer;
    private long? _lastSaveTimestamp;

    private bool IsSaveDue() =>
        _options.AutoSave && (_lastSaveTimestamp is not { } last || _options.TimeProvider.GetElapsedTime(last) >= _options.SaveInterval);

    private void ArmTimer()
    {
        if (_timer is not null && _lastSaveTimestamp is { } last)
        {
            var left = _options.SaveInterval - _options.TimeProvider.GetElapsedTime(last);
            _timer.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    private async Task<SessionStep> SaveUnsavedAsync(CancellationToken cancellationToken)
    {
        var step = _unsaved!;
        SaveResult result;
        try
        {
            result = await SendAsync(step, cancellationToken);
        }
        catch (Exception e) when (e is CheckpointConflictException or ArgumentException)
        {
            SetUnsaved(null);
            throw;
        }
        catch
        {
            // Its caller may use the memory again, and the save will be tried again.
            SetUnsaved(step.WithOwnMemory(), tried: true);
            throw;
        }

        var saved = step with { Sequence = result.Sequence, State = default };
        Volatile.Write(ref _saved, saved);
        SetUnsaved(null);
        _fence = step.Id;
        _lastSaveTimestamp = _options.TimeProvider.GetTimestamp();
        return new SessionStep(step with { Sequence = result.Sequence }, result, await _trimmer.TryRunAsync(cancellationToken));
    }

    private async Task<SaveResult> SendAsync(Checkpoint step, CancellationToken cancellationToken)
    {
        var options = new SaveOptions { Durability = _options.Durability, ExpectedLatestId = _options.FenceWriters ? _fence : null };
        try
        {
            return await _client.SaveAsync(step, options, cancellationToken);
        }
        catch (CheckpointConflictException e) when (_isUnsavedTried && e.ActualLatestId == step.Id)
        {
            // The attempt before, which seemed to fail, did reach the stream.
            return await _client.SaveAsync(step, options with { ExpectedLatestId = step.Id }, cancellationToken);
        }
    }

    private void SetUnsaved(Checkpoint? step, bool tried = false)
    {
        Volatile.Write(ref _unsaved, step);
        _isUnsavedTried = tried;
    }

    private void OnIntervalPassed(object? state) => _ = SaveHeldAsync();

    /// <summary>
    /// Saves what the interval held back. A failure is not lost: the step stays, and the next call, which tries it again
    /// first, meets the failure if it lasts. Meanwhile it is tried again after each interval.
    /// </summary>
    private async Task SaveHeldAsync()
    {
        await _gate.WaitAsync();
        try
        {
            if (_isDisposed || _unsaved is not { } step)
            {
                return;
            }

            try
            {
                await SaveUnsavedAsync(CancellationToken.None);
            }
            catch (Exception)
            {
                SetUnsaved(step, tried: true);
                _timer?.Change(_options.SaveInterval, Timeout.InfiniteTimeSpan);
            }
        }
        finally
        {
            _gate.Release();
        }
    }
}
