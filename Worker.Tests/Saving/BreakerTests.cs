using AsyncCheckpoints.Saving;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Saving;

public sealed class BreakerTests
{
    [Fact]
    public void TryEnter_TwoFailuresInARow_FailsAtOnceUntilOneIsAnswered()
    {
        var time = new HookedTime();
        var sut = new Breaker("it", time, NullLogger.Instance);
        sut.Failed(new TimeoutException());
        sut.TryEnter().ShouldBeTrue("one failure is tolerated");
        sut.Failed(new TimeoutException());
        (sut.IsOpen, sut.TryEnter()).ShouldBe((true, false));

        time.Advance(TimeSpan.FromSeconds(5));
        (sut.TryEnter(), sut.TryEnter()).ShouldBe((true, false), "one call finds out");

        sut.Succeeded();
        (sut.IsOpen, sut.TryEnter(), sut.TryEnter()).ShouldBe((false, true, true));
    }

    [Fact]
    public void Succeeded_WhileAFailureOpensIt_ClosesItWithTheNextAnswer()
    {
        var time = new HookedTime();
        var sut = new Breaker("it", time, NullLogger.Instance);
        sut.Failed(new TimeoutException());
        time.OnRead = sut.Succeeded;
        sut.Failed(new TimeoutException());
        time.OnRead = null;

        time.Advance(TimeSpan.FromSeconds(5));
        sut.TryEnter().ShouldBeTrue();
        sut.Succeeded();

        (sut.TryEnter(), sut.TryEnter()).ShouldBe((true, true));
    }

    private sealed class HookedTime : TimeProvider
    {
        private long _now = 1;

        public Action? OnRead { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp()
        {
            OnRead?.Invoke();
            return _now;
        }

        public void Advance(TimeSpan time) => _now += time.Ticks;
    }
}
