namespace AsyncCheckpoints.Saving;

/// <summary>
/// Lets a message wait for the saves that are on their way to Redis when it could leave: they come with it instead of after
/// it. What sets out later does not hold it up, nor what takes longer than a while. Thread-safe.
/// </summary>
/// <param name="patience">The longest wait.</param>
/// <param name="time">The clock.</param>
internal sealed class Gathering(TimeSpan patience, TimeProvider time)
{
    private long _setOut;
    private long _arrived;
    private long _goal;
    private long _since;

    /// <summary>Whether what had set out when it began has arrived, or the wait was long enough.</summary>
    public bool IsOver => Volatile.Read(ref _arrived) >= Volatile.Read(ref _goal) || time.GetElapsedTime(Volatile.Read(ref _since)) >= patience;

    /// <summary>A save sets out.</summary>
    public void SetOut() => Interlocked.Increment(ref _setOut);

    /// <summary>A save has arrived, or will not.</summary>
    public void Arrive() => Interlocked.Increment(ref _arrived);

    /// <summary>Waits, from now on, for what has set out until now.</summary>
    public void Begin()
    {
        Volatile.Write(ref _since, time.GetTimestamp());
        Volatile.Write(ref _goal, Volatile.Read(ref _setOut));
    }
}
