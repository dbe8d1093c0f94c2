using AsyncCheckpoints.Saving;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Saving;

public sealed class GatheringTests
{
    private readonly ManualTime _time = new();
    private readonly Gathering _sut;

    public GatheringTests() => _sut = new Gathering(TimeSpan.FromMilliseconds(10), _time);

    [Fact]
    public void IsOver_NothingOnItsWay_AtOnce()
    {
        _sut.SetOut();
        _sut.Arrive();
        _sut.Begin();
        _sut.IsOver.ShouldBeTrue();
    }

    [Fact]
    public void IsOver_TwoOnTheirWay_OnceBothAreHere()
    {
        _sut.SetOut();
        _sut.SetOut();
        _sut.Begin();
        _sut.Arrive();
        _sut.IsOver.ShouldBeFalse();
        _sut.Arrive();
        _sut.IsOver.ShouldBeTrue();
    }

    [Fact]
    public void IsOver_AnotherSetsOutLater_DoesNotWaitForIt()
    {
        _sut.SetOut();
        _sut.Begin();
        _sut.SetOut();
        _sut.Arrive();
        _sut.IsOver.ShouldBeTrue();
    }

    [Fact]
    public void IsOver_OneIsHeldUp_AfterTheLongestWait()
    {
        _sut.SetOut();
        _sut.Begin();
        _time.Advance(TimeSpan.FromMilliseconds(9));
        _sut.IsOver.ShouldBeFalse();
        _time.Advance(TimeSpan.FromMilliseconds(1));
        _sut.IsOver.ShouldBeTrue();
    }
}
