namespace AsyncCheckpoints.Tests;

/// <summary>A wall clock that can be set; its timer is monotonic, as the machine's is.</summary>
internal sealed class JumpingTime : TimeProvider
{
    private long _offset;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + TimeSpan.FromTicks(Interlocked.Read(ref _offset));

    public void Jump(TimeSpan by) => Interlocked.Add(ref _offset, by.Ticks);
}
