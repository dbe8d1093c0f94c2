namespace AsyncCheckpoints.Saving;

/// <summary>
/// Bounds what waits in this process, in items and bytes. A single item larger than all bytes is let in when nothing
/// else is there. Thread-safe; waiters are woken whenever room is given back.
/// </summary>
internal sealed class BufferBudget(long maxItems, long maxBytes)
{
    private readonly Lock _lock = new();
    private long _items;
    private long _bytes;
    private TaskCompletionSource? _released;
    private TaskCompletionSource? _emptied;

    /// <summary>How many items are in.</summary>
    public long Items => Volatile.Read(ref _items);

    /// <summary>How many bytes are in.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Takes room if there is some.</summary>
    /// <param name="bytes">The item's size.</param>
    public bool TryReserve(long bytes)
    {
        lock (_lock)
        {
            return TryReserveLocked(bytes);
        }
    }

    /// <summary>Takes room, waiting for it.</summary>
    /// <param name="bytes">The item's size.</param>
    /// <param name="cancellationToken">Stops waiting; nothing is taken.</param>
    public async ValueTask ReserveAsync(long bytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task released;
            lock (_lock)
            {
                if (TryReserveLocked(bytes))
                {
                    return;
                }

                released = (_released ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            await released.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Gives room back.</summary>
    /// <param name="bytes">The item's size.</param>
    public void Release(long bytes)
    {
        TaskCompletionSource? released;
        TaskCompletionSource? emptied = null;
        lock (_lock)
        {
            _items--;
            _bytes -= bytes;
            (released, _released) = (_released, null);
            if (_items == 0)
            {
                (emptied, _emptied) = (_emptied, null);
            }
        }

        released?.SetResult();
        emptied?.SetResult();
    }

    /// <summary>Completes once nothing is in.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public Task WhenEmptyAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _items == 0
                ? Task.CompletedTask
                : (_emptied ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task.WaitAsync(cancellationToken);
        }
    }

    private bool TryReserveLocked(long bytes)
    {
        if (_items > 0 && (_items >= maxItems || _bytes + bytes > maxBytes))
        {
            return false;
        }

        _items++;
        _bytes += bytes;
        return true;
    }
}
