namespace AsyncCheckpoints.Saving;

/// <summary>
/// How long to wait after a failure: anything up to a bound that doubles with each (full jitter,
/// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/), so that those who failed together do not come back together.
/// </summary>
/// <param name="First">The bound after the first failure.</param>
/// <param name="Max">The highest bound.</param>
internal readonly record struct Backoff(TimeSpan First, TimeSpan Max)
{
    /// <summary>Of calls to a server.</summary>
    public static Backoff OfCalls { get; } = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    /// <summary>The pause before the next attempt.</summary>
    /// <param name="failures">How many failures there were before the one that has just been met.</param>
    public TimeSpan After(int failures) =>
        TimeSpan.FromTicks((long)(Random.Shared.NextDouble() * Math.Min(First.Ticks * Math.Pow(2, failures), Max.Ticks)));
}
