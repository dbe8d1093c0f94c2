using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

public sealed class CountedTotalTests
{
    private readonly Clock _clock = new();
    private int _counts;

    [Fact]
    public async Task GetAsync_CountedSlowly_ServesAllForHalfAMinute()
    {
        var gate = new TaskCompletionSource();
        var sut = CreateSut(() => gate.Task);
        var looks = Enumerable.Range(0, 10).Select(_ => sut.GetAsync(default)).ToList();
        _clock.Advance(TimeSpan.FromSeconds(2));
        gate.SetResult();
        (await Task.WhenAll(looks)).ShouldAllBe(total => total == new ArchiveTotal(1, false));
        _clock.Advance(TimeSpan.FromSeconds(29));
        (await sut.GetAsync(default)).Checkpoints.ShouldBe(1);
        _clock.Advance(TimeSpan.FromSeconds(1));
        (await sut.GetAsync(default)).Checkpoints.ShouldBe(2);
    }

    [Fact]
    public async Task GetAsync_CountedInNoTime_CountsAgain()
    {
        var sut = CreateSut(() => Task.CompletedTask);
        (await sut.GetAsync(default)).Checkpoints.ShouldBe(1);
        (await sut.GetAsync(default)).Checkpoints.ShouldBe(2);
    }

    [Fact]
    public async Task GetAsync_OneGoesOrTheCountFails_IsNobodyElses()
    {
        var gate = new TaskCompletionSource();
        var sut = CreateSut(() => gate.Task);
        using var gone = new CancellationTokenSource();
        var (left, stays) = (sut.GetAsync(gone.Token), sut.GetAsync(default));
        await gone.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(left);
        gate.SetException(new TimeoutException());
        await Should.ThrowAsync<TimeoutException>(stays);
        gate = new TaskCompletionSource();
        gate.SetResult();
        (await sut.GetAsync(default)).Checkpoints.ShouldBe(2);
    }

    private CountedTotal CreateSut(Func<Task> wait) => new(
        async () =>
        {
            var count = ++_counts;
            await wait();
            return new ArchiveTotal(count, false);
        },
        _clock);

    private sealed class Clock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan by) => _ticks += by.Ticks;
    }
}
