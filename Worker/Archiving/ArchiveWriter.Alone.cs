using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Archiving;

/// <summary>
/// Messages that the archive refuses while it takes others. What is wrong with the content is taken out and becomes a dead
/// letter. What is refused for a reason that passes (a disk with little room left, a statement that runs into its timeout)
/// is tried again and again; meanwhile its message stays in hand, since each return brings it nearer to the broker's limit.
/// </summary>
internal sealed partial class ArchiveWriter
{
    private static readonly Backoff PauseAlone = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));

    // The broker closes the channel of who has a message for half an hour, and takes back all that is in hand.
    private static readonly TimeSpan MaxInHand = TimeSpan.FromMinutes(20);

    private readonly SemaphoreSlim _turn = new(1);
    private int _alone;

    /// <summary>Halves a refused batch; a message that is refused by itself goes out of the way.</summary>
    private async Task IsolateAsync(List<Waiting> batch, Exception reason, CancellationToken stoppingToken)
    {
        if (batch.Count > 1)
        {
            var half = batch.Count / 2;
            await CommitAsync(batch[..half], true, false, stoppingToken);
            await CommitAsync(batch[half..], true, false, stoppingToken);
            return;
        }

        Log.MessageRefused(_logger, reason);
        Interlocked.Increment(ref _alone);
        _ = WriteAloneAsync(batch[0], stoppingToken);
    }

    private async Task WriteAloneAsync(Waiting whole, CancellationToken stoppingToken)
    {
        using var inHand = new CancellationTokenSource(MaxInHand, _time);
        using var givenBack = CancellationTokenSource.CreateLinkedTokenSource(whole.Withdrawn, inHand.Token, stoppingToken);
        var alone = new Waiting(whole.Commands, givenBack.Token);
        var rejections = whole.Commands.Rejections;
        var rejectedBefore = rejections.Count;
        try
        {
            for (var attempt = 0; ; attempt++)
            {
                await _turn.WaitAsync(givenBack.Token);
                try
                {
                    rejections.RemoveRange(rejectedBefore, rejections.Count - rejectedBefore);
                    await CommitAsync([alone], false, true, stoppingToken);
                }
                finally
                {
                    _turn.Release();
                }

                if (alone.Committed.Task.IsCompleted)
                {
                    whole.Committed.TrySetFromTask(alone.Committed.Task);
                    return;
                }

                await Task.Delay(PauseAlone.After(attempt), _time, givenBack.Token);
            }
        }
        catch (OperationCanceledException) when (givenBack.IsCancellationRequested)
        {
            whole.TryCancel();
        }
        catch (Exception e)
        {
            Log.ArchiveRefused(_logger, e);
            whole.TryFail(e);
        }
        finally
        {
            Interlocked.Decrement(ref _alone);
            _changed.Writer.TryWrite(true);
        }
    }

    /// <summary>Commits the parts of a refused message. It stays uncompleted when one of them is to be tried again.</summary>
    private async Task DivideAsync(Waiting whole, Exception reason, CancellationToken stoppingToken)
    {
        if (TransientErrors.IsTransient(reason) && !Poison.IsDivisible(whole.Commands))
        {
            return;
        }

        if (Poison.TrySplit(whole.Commands, reason) is not { } split)
        {
            Log.ArchiveRefused(_logger, reason);
            whole.TryFail(reason);
            return;
        }

        var parts = split.Select(whole.Part).ToList();
        foreach (var part in parts)
        {
            await CommitAsync([part], true, true, stoppingToken);
            if (part.Committed.Task is { IsCompleted: true, IsCompletedSuccessfully: false })
            {
                // Withdrawn or refused: the message is not archived as a whole, and its marks stay.
                whole.Committed.TrySetFromTask(part.Committed.Task);
                return;
            }
        }

        if (parts.TrueForAll(part => part.Committed.Task.IsCompleted))
        {
            whole.TryComplete();
            await _settler.EnqueueAsync([whole.Commands], stoppingToken);
        }
    }
}
