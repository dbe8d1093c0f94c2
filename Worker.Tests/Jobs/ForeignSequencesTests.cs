using AsyncCheckpoints.Worker.Jobs.Backfill;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class ForeignSequencesTests
{
    private static readonly Dictionary<string, long> Nothing = [];

    [Fact]
    public void Assign_TimestampThenVersionThenInput_RisesAndStaysNearTheTime()
    {
        ForeignEntry[] entries = [Entry("d", 2, 1), Entry("b", 1, 2), Entry("a", 1, 1), Entry("c", 1, 2), Entry("e", 2, 1)];
        var assigned = ForeignSequences.Assign(entries, long.MaxValue, Nothing);
        assigned.Select(pair => pair.Entry.Id).ShouldBe(["a", "b", "c", "d", "e"]);
        assigned.Select(pair => pair.Sequence).ShouldBe([1_000_000, 1_000_001, 1_000_002, 2_000_000, 2_000_001]);
    }

    [Fact]
    public void Assign_Bounded_StaysBelowAndKeepsTheOrder()
    {
        ForeignEntry[] entries = [Entry("a", 1, 1), Entry("b", 5, 1), Entry("c", 6, 1)];
        ForeignSequences.Assign(entries, 2_000_000, Nothing).Select(pair => pair.Sequence).ShouldBe([1_000_000, 1_998_000, 1_999_000]);
        ForeignSequences.Assign(entries, 1_000_004, Nothing).Select(pair => pair.Sequence).ShouldBe([1_000_000, 1_000_002, 1_000_003]);
        ForeignSequences.Assign(entries, 1_000_000, Nothing).Select(pair => pair.Sequence).ShouldBe([997_000, 998_000, 999_000]);
    }

    [Fact]
    public void Assign_SomeHavePlaces_TheyStayAndTheRestFindsRoomBetween()
    {
        ForeignEntry[] entries = [Entry("b", 5, 1), Entry("c", 6, 1), Entry("d", 7, 1)];
        var placed = new Dictionary<string, long> { ["b"] = 1_999_000 };
        var first = ForeignSequences.Assign(entries, 2_000_000, placed);
        first.Select(pair => pair.Sequence).ShouldBe([1_999_000, 1_999_334, 1_999_667]);
        placed = first.ToDictionary(pair => pair.Entry.Id, pair => pair.Sequence);
        ForeignSequences.Assign(entries, 2_000_000, placed).ShouldBe(first);
        ForeignSequences.Assign([.. entries, Entry("e", 8, 1)], 2_000_000, placed)[3].Sequence.ShouldBeInRange(1_999_668, 1_999_999);
    }

    [Fact]
    public void Assign_TheOneBeforeHasGone_TheRestStays()
    {
        var placed = new Dictionary<string, long> { ["a"] = 1_000_000, ["b"] = 1_000_001 };
        ForeignSequences.Assign([Entry("b", 1, 2), Entry("c", 1, 3)], 2_000_000, placed).Select(pair => pair.Sequence).ShouldBe([1_000_001, 1_000_002]);
    }

    [Fact]
    public void Assign_OneIdTwice_ARepeatChangesNothing()
    {
        ForeignEntry[] entries = [Entry("a", 1, 1), Entry("a", 1, 2)];
        var first = ForeignSequences.Assign(entries, 2_000_000, Nothing);
        var placed = new Dictionary<string, long> { ["a"] = first[1].Sequence };
        ForeignSequences.Assign(entries, 2_000_000, placed).ShouldBe(first);
    }

    [Fact]
    public void CountUpTo_TheSourceChanged_PassesOnlyWhatWasPassed()
    {
        var plan = ForeignSequences.Assign([Entry("a", 1, 1), Entry("b", 2, 1), Entry("c", 2, 1), Entry("d", 3, 1)], long.MaxValue, Nothing);
        ForeignPosition.CountUpTo(ForeignPosition.Of(Entry("c", 2, 1)), plan).ShouldBe(3);
        ForeignPosition.CountUpTo(ForeignPosition.Of(Entry("gone", 2, 1)), plan).ShouldBe(1);
        ForeignPosition.CountUpTo(ForeignPosition.Of(Entry("gone", 2, 2)), plan).ShouldBe(3);
        ForeignPosition.CountUpTo(ForeignPosition.Of(Entry("gone", 9, 1)), plan).ShouldBe(4);
        ForeignPosition.CountUpTo(ForeignPosition.Of(Entry("gone", 0, 1)), plan).ShouldBe(0);
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
