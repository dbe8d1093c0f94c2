namespace AsyncCheckpoints.Tests.Servers;

/// <summary>The newest lines of an output, and those who wait for one. Thread-safe.</summary>
internal sealed class LineBuffer
{
    private const int MaxLines = 10_000;
    private const int TailLines = 50;

    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();
    private readonly List<Waiter> _waiters = [];
    private bool _complete;

    public void Add(string? line)
    {
        if (line is null)
        {
            return;
        }

        lock (_gate)
        {
            _lines.Enqueue(line);
            if (_lines.Count > MaxLines)
            {
                _lines.Dequeue();
            }

            _waiters.RemoveAll(waiter => waiter.Offer(line));
        }
    }

    /// <summary>Nothing more will come.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _complete = true;
            _waiters.ForEach(waiter => waiter.Found.TrySetException(Ended()));
            _waiters.Clear();
        }
    }

    public IReadOnlyList<string> Snapshot()
    {
        lock (_gate)
        {
            return [.. _lines];
        }
    }

    public async Task<string> WaitAsync(Func<string, bool> predicate, TimeSpan timeout)
    {
        var waiter = new Waiter(predicate);
        lock (_gate)
        {
            if (_lines.FirstOrDefault(predicate) is { } line)
            {
                return line;
            }

            if (_complete)
            {
                throw Ended();
            }

            _waiters.Add(waiter);
        }

        try
        {
            return await waiter.Found.Task.WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            lock (_gate)
            {
                _waiters.Remove(waiter);
            }

            throw new TimeoutException($"No such line within {timeout}. The last lines:\n{this}");
        }
    }

    public override string ToString() => string.Join('\n', Snapshot().TakeLast(TailLines));

    private InvalidOperationException Ended() => new($"The process ended without such a line. The last lines:\n{this}");

    private sealed class Waiter(Func<string, bool> predicate)
    {
        public TaskCompletionSource<string> Found { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>True when the waiter is done: the line fits, or its predicate failed.</summary>
        public bool Offer(string line)
        {
            try
            {
                return predicate(line) && Found.TrySetResult(line);
            }
            catch (Exception e)
            {
                return Found.TrySetException(e);
            }
        }
    }
}
