namespace AsyncCheckpoints.Benchmarks.Peers;

/// <summary>Counts what a consumer has committed. Thread-safe.</summary>
internal sealed class Progress
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _left;

    /// <summary>Completes after so many commits.</summary>
    /// <param name="count">How many.</param>
    public Task Expect(long count)
    {
        lock (_lock)
        {
            _left = count;
            _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
            return _reached.Task;
        }
    }

    /// <summary>So many were committed.</summary>
    /// <param name="count">How many.</param>
    public void Add(int count)
    {
        lock (_lock)
        {
            _left -= count;
            if (_left <= 0)
            {
                _reached.TrySetResult();
            }
        }
    }
}
