using AsyncCheckpoints.Worker.Jobs.Backfill;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class ForeignSequencesTests
{
    [Fact]
    public void Assign_TimestampThenVersionThenInput_RisesAndStaysNearTheTime()
    {
        ForeignEntry[] entries = [Entry("d", 2, 1), Entry("b", 1, 2), Entry("a", 1, 1), Entry("c", 1, 2), Entry("e", 2, 1)];
        var assigned = ForeignSequences.Assign(entries, long.MaxValue);
        assigned.Select(pair => pair.Entry.Id).ShouldBe(["a", "b", "c", "d", "e"]);
        assigned.Select(pair => pair.Sequence).ShouldBe([1_000_000, 1_000_001, 1_000_002, 2_000_000, 2_000_001]);
    }

    [Fact]
    public void Assign_Bounded_StaysBelowAndKeepsTheOrder()
    {
        ForeignEntry[] entries = [Entry("a", 1, 1), Entry("b", 5, 1), Entry("c", 6, 1)];
        ForeignSequences.Assign(entries, 2_000_000).Select(pair => pair.Sequence).ShouldBe([1_000_000, 1_999_998, 1_999_999]);
    }

    [Theory]
    [InlineData("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05.1234567Z", 89)]
    [InlineData("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.0000000Z", 0)]
    [InlineData("2026-01-02 03:04:05.5+00:00", "2026-01-02T03:04:05.5000000Z", 0)]
    [InlineData("2026-01-02 03:04:05.000000001 +0000 UTC m=+0.012345", "2026-01-02T03:04:05.0000000Z", 1)]
    [InlineData("2026-01-02 03:04:05", "2026-01-02T03:04:05.0000000Z", 0)]
    public void TryParse_AsGoWritesIt_IsExact(string text, string expected, int nanoseconds)
    {
        ForeignTime.TryParse(text, out var time, out var rest).ShouldBeTrue();
        time.UtcDateTime.ToString("O").ShouldBe(expected);
        rest.ShouldBe(nanoseconds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("yesterday")]
    [InlineData("2026-13-02T03:04:05Z")]
    public void TryParse_NoTime_IsRefused(string? text) => ForeignTime.TryParse(text, out _, out _).ShouldBeFalse();

    private static ForeignEntry Entry(string id, int second, long version) => new(id, DateTimeOffset.UnixEpoch.AddSeconds(second), 0, version, id);
}
