using AsyncCheckpoints.Saving;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Saving;

public sealed class BackoffTests
{
    private const int Draws = 2000;

    /// <summary>Anything between nothing and the bound, equally likely.</summary>
    [Theory]
    [InlineData(0, 100)]
    [InlineData(1, 200)]
    [InlineData(5, 3200)]
    [InlineData(6, 5000)]
    [InlineData(1_000, 5000)]
    [InlineData(int.MaxValue, 5000)]
    public void After_ManyDraws_FillTheWholeBound(int failures, int boundMs)
    {
        var pauses = Enumerable.Range(0, Draws).Select(_ => Backoff.OfCalls.After(failures).TotalMilliseconds).ToList();

        pauses.Min().ShouldBeInRange(0, 0.05 * boundMs);
        pauses.Max().ShouldBeInRange(0.95 * boundMs, boundMs);
        pauses.Average().ShouldBe(0.5 * boundMs, tolerance: 0.05 * boundMs);
    }

    [Fact]
    public void After_FirstBoundIsTheHighest_StaysThere()
    {
        var sut = new Backoff(TimeSpan.FromHours(1), TimeSpan.FromHours(1));
        Enumerable.Range(0, 100).ShouldAllBe(failures => sut.After(failures) <= TimeSpan.FromHours(1));
    }
}
