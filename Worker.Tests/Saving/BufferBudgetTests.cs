using AsyncCheckpoints.Saving;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Saving;

public sealed class BufferBudgetTests
{
    [Fact]
    public void FlushAsync_ItemsThatComeLater_AreNotWaitedFor()
    {
        var sut = new BufferBudget(10, 1000);
        var first = sut.TryReserve(1)!.Value;
        var flushed = sut.FlushAsync(default);
        var second = sut.TryReserve(1)!.Value;
        var flushedLater = sut.FlushAsync(default);
        var third = sut.TryReserve(1)!.Value;

        sut.Release(second);
        flushed.IsCompleted.ShouldBeFalse();
        flushedLater.IsCompleted.ShouldBeFalse("the first item is in yet");
        sut.Release(first);
        flushed.IsCompletedSuccessfully.ShouldBeTrue();
        flushedLater.IsCompletedSuccessfully.ShouldBeTrue();
        sut.FlushAsync(default).IsCompleted.ShouldBeFalse();
        sut.Release(third);
        sut.FlushAsync(default).IsCompletedSuccessfully.ShouldBeTrue();
    }

    [Fact]
    public void FlushAsync_TwiceWithNothingBetween_WaitsForTheSame()
    {
        var sut = new BufferBudget(10, 1000);
        var room = sut.TryReserve(1)!.Value;
        var flushes = new[] { sut.FlushAsync(default), sut.FlushAsync(default) };
        flushes.ShouldAllBe(flush => !flush.IsCompleted);
        sut.Release(room);
        flushes.ShouldAllBe(flush => flush.IsCompletedSuccessfully);
        sut.Items.ShouldBe(0);
        sut.Bytes.ShouldBe(0);
    }

    [Fact]
    public async Task WhenEmptyAsync_ItemsThatComeLater_AreWaitedFor()
    {
        var sut = new BufferBudget(10, 1000);
        var first = sut.TryReserve(1)!.Value;
        var empty = sut.WhenEmptyAsync();
        var second = sut.TryReserve(1)!.Value;
        sut.Release(first);
        var third = await sut.ReserveAsync(1, default);
        empty.IsCompleted.ShouldBeFalse();
        sut.Release(second);
        empty.IsCompleted.ShouldBeFalse("the third item is in yet");
        sut.Release(third);
        await empty.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task TryReserve_AnotherWaits_LeavesItTheRoom()
    {
        var sut = new BufferBudget(1, 1000);
        var first = sut.TryReserve(1)!.Value;
        var waiting = sut.ReserveAsync(1, default).AsTask();
        sut.Release(first);
        sut.TryReserve(1, yields: true).ShouldBeNull();

        sut.Release(await waiting.WaitAsync(TimeSpan.FromSeconds(10)));
        sut.TryReserve(1, yields: true).ShouldNotBeNull();
    }

    [Fact]
    public async Task TryReserve_WhoWaitedHasGone_GetsTheRoom()
    {
        var sut = new BufferBudget(1, 1000);
        var first = sut.TryReserve(1)!.Value;
        using var patience = new CancellationTokenSource();
        var waiting = sut.ReserveAsync(1, patience.Token).AsTask();
        await patience.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting);
        sut.Release(first);
        sut.TryReserve(1, yields: true).ShouldNotBeNull();
    }

    [Fact]
    public async Task ReserveAsync_NoRoom_WaitsForIt()
    {
        var sut = new BufferBudget(10, 100);
        var room = sut.TryReserve(90)!.Value;
        sut.TryReserve(11).ShouldBeNull();
        var waiting = sut.ReserveAsync(11, default).AsTask();
        waiting.IsCompleted.ShouldBeFalse();
        sut.Release(room);
        (await waiting.WaitAsync(TimeSpan.FromSeconds(10))).Bytes.ShouldBe(11);
        sut.Bytes.ShouldBe(11);
    }
}
