namespace AsyncCheckpoints.Saving;

/// <summary>
/// One timer for all calls that start within the same short while, instead of one each. A call may wait up to a sixteenth
/// longer than the timeout. Thread-safe.
/// </summary>
internal sealed class SharedTimeout(TimeSpan timeout, TimeProvider time)
{
    private readonly long _lifetime = Math.Max(1, (long)(timeout.TotalSeconds * time.TimestampFrequency / 16));
    private Bucket? _current;

    /// <summary>A token that is cancelled when a call that starts now has waited long enough.</summary>
    public CancellationToken Token
    {
        get
        {
            var now = time.GetTimestamp();
            var current = Volatile.Read(ref _current);
            if (current is null || now - current.Since > _lifetime)
            {
                // Two callers may make one each; the second is as good.
                current = new Bucket(now, new CancellationTokenSource(timeout + (timeout / 16), time).Token);
                Volatile.Write(ref _current, current);
            }

            return current.Token;
        }
    }

    private sealed record Bucket(long Since, CancellationToken Token);
}
