namespace AsyncCheckpoints.Worker.Health;

/// <summary>
/// Asks a part whether it answers: once at a time, and at most once a second, however many want to know. Nobody needs a key
/// to ask for health, and each question takes a connection from the saves.
/// </summary>
internal sealed class SharedProbe(Func<CancellationToken, Task> ask, TimeProvider time)
{
    private static readonly TimeSpan Validity = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    private readonly Lock _lock = new();
    private Task _last = Task.CompletedTask;
    private long? _asked;

    /// <summary>Completes when the part has answered; fails when it does not.</summary>
    /// <param name="cancellationToken">Ends the waiting; the question goes on for the others.</param>
    public Task AskAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_asked is not { } asked || (_last.IsCompleted && time.GetElapsedTime(asked) >= Validity))
            {
                _asked = time.GetTimestamp();
                _last = AskAsync();
            }

            return _last.WaitAsync(cancellationToken);
        }
    }

    private async Task AskAsync()
    {
        using var timeout = new CancellationTokenSource(Timeout);
        await ask(timeout.Token).WaitAsync(timeout.Token);
    }
}
