namespace AsyncCheckpoints.Saving;

/// <summary>
/// Bounds what waits in this process, in items and bytes. A single item larger than all bytes is let in when nothing
/// else is there. Thread-safe; waiters are woken whenever room is given back.
/// </summary>
internal sealed class BufferBudget(long maxItems, long maxBytes)
{
    private readonly Lock _lock = new();

    // In the order in which they were closed; the last one is open.
    private readonly LinkedList<Epoch> _epochs = new([new Epoch()]);
    private long _items;
    private long _bytes;
    private int _waiters;
    private TaskCompletionSource? _released;

    /// <summary>How many items are in.</summary>
    public long Items => Volatile.Read(ref _items);

    /// <summary>How many bytes are in.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Takes room if there is some.</summary>
    /// <param name="bytes">The item's size.</param>
    /// <param name="yields">Whether those who wait come first: who never waits would leave them nothing.</param>
    /// <returns>The room; null when there is none.</returns>
    public Room? TryReserve(long bytes, bool yields = false)
    {
        lock (_lock)
        {
            return yields && _waiters > 0 ? null : TryReserveLocked(bytes);
        }
    }

    /// <summary>Takes room, waiting for it.</summary>
    /// <param name="bytes">The item's size.</param>
    /// <param name="cancellationToken">Stops waiting; nothing is taken.</param>
    public async ValueTask<Room> ReserveAsync(long bytes, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _waiters);
        try
        {
            while (true)
            {
                Task released;
                lock (_lock)
                {
                    if (TryReserveLocked(bytes) is { } room)
                    {
                        return room;
                    }

                    released = (_released ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                }

                await released.WaitAsync(cancellationToken);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiters);
        }
    }

    /// <summary>Gives room back.</summary>
    /// <param name="room">The item's room.</param>
    public void Release(in Room room)
    {
        TaskCompletionSource? released;
        lock (_lock)
        {
            _items--;
            _bytes -= room.Bytes;
            room.Epoch.Items--;
            (released, _released) = (_released, null);
            while (_epochs.First!.Value is { Items: 0, IsClosed: true } oldest)
            {
                _epochs.RemoveFirst();
                oldest.Emptied.SetResult();
            }
        }

        released?.SetResult();
    }

    /// <summary>Completes once nothing is in of what is in now; what comes later is not waited for.</summary>
    /// <param name="cancellationToken">Stops waiting.</param>
    public Task FlushAsync(CancellationToken cancellationToken)
    {
        Epoch last;
        lock (_lock)
        {
            if (_items == 0)
            {
                return Task.CompletedTask;
            }

            if (_epochs.Last!.Value.Items > 0)
            {
                _epochs.Last.Value.IsClosed = true;
                _epochs.AddLast(new Epoch());
            }

            last = _epochs.Last!.Previous!.Value;
        }

        return last.Emptied.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Completes once nothing is in, whenever it came.</summary>
    public async Task WhenEmptyAsync()
    {
        while (Items > 0)
        {
            await FlushAsync(CancellationToken.None);
        }
    }

    private Room? TryReserveLocked(long bytes)
    {
        if (_items > 0 && (_items >= maxItems || _bytes + bytes > maxBytes))
        {
            return null;
        }

        _items++;
        _bytes += bytes;
        var epoch = _epochs.Last!.Value;
        epoch.Items++;
        return new Room(bytes, epoch);
    }

    /// <summary>Room of one item.</summary>
    /// <param name="Bytes">Its size.</param>
    /// <param name="Epoch">When it was taken.</param>
    internal readonly record struct Room(long Bytes, Epoch Epoch);

    /// <summary>What was taken between two flushes.</summary>
    internal sealed class Epoch
    {
        public long Items { get; set; }

        public bool IsClosed { get; set; }

        public TaskCompletionSource Emptied { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
