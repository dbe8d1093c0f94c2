using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>A test that sets the clock of a server: skipped where libfaketime is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FakeClockFactAttribute : FactAttribute
{
    public FakeClockFactAttribute()
    {
        if (FakeClock.Library is null)
        {
            Skip = "libfaketime is not installed: run infra/install.sh.";
        }
    }
}
