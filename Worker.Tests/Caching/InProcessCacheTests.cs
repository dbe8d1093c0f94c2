using AsyncCheckpoints.Caching;
using AsyncCheckpoints.InProcess;
using Shouldly;
using Xunit;
using Xunit.Abstractions;

namespace AsyncCheckpoints.Tests.Caching;

public sealed class InProcessCacheTests(ITestOutputHelper output) : CacheConformanceTests(output)
{
    private readonly ManualTime _time = new(new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));

    [Fact]
    public async Task SaveAsync_OverBound_DropsLeastRecentlyUsedOfWhatIsSettled()
    {
        var sut = new InProcessCheckpointCache(_time, 4, 100_000);
        for (var i = 0; i < 5; i++)
        {
            var saved = await SaveAsync(sut, Make($"settled{i}", "1", state: new string('x', 15_000)));
            await SettleAsync(sut, MarkOf(Make($"settled{i}", "1"), saved.Sequence));
        }

        await sut.LoadLatestAsync("settled0", "", default);
        await SaveAsync(sut, Make("pending0", "1", state: new string('x', 50_000)));

        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["pending0", "settled0", "settled3", "settled4"]);
        (await StatusAsync(sut, new("settled1", "1"))).ShouldBe(CacheReadStatus.Unknown);
        sut.Bytes.ShouldBeLessThanOrEqualTo(100_000);

        for (var i = 1; i < 4; i++)
        {
            await SaveAsync(sut, Make($"pending{i}", "1", state: new string('x', 50_000)));
        }

        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["pending0", "pending1", "pending2", "pending3"]);
        await sut.SettleAsync([.. (await PendingAsync(sut)).Select(entry => entry.Mark)], default);
        sut.Bytes.ShouldBeLessThanOrEqualTo(100_000);
        (await sut.ListExecutionsAsync("", null, 10, default)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task SaveAsync_DroppedWithTombstone_TombstoneProvesNothing()
    {
        var sut = new InProcessCheckpointCache(_time, 4, 1);
        await sut.DeleteAsync(new("e", "1"), 5, false, Hour, default);
        await SaveAsync(sut, Make("e", "1"), 6);
        (await StatusAsync(sut, new("e", "1"))).ShouldBe(CacheReadStatus.Found);
        await SettleAsync(sut, MarkOf(Make("e", "1"), 6));

        (await StatusAsync(sut, new("e", "1"))).ShouldBe(CacheReadStatus.Unknown);
    }

    [Fact]
    public async Task Sweep_EverythingExpired_LeavesNothing()
    {
        var sut = new InProcessCheckpointCache(_time, 4);
        var policy = new CacheRetention(TimeSpan.FromMinutes(1), true, 0);
        for (var i = 0; i < 200; i++)
        {
            var saved = await SaveAsync(sut, Make($"e{i}", "1"), 1, policy);
            await SettleAsync(sut, MarkOf(Make($"e{i}", "1"), saved.Sequence, policy));
            await sut.DeleteAsync(new($"e{i}", "unknown"), 9, true, TimeSpan.FromMinutes(2), default);
            await sut.ClearAsync($"c{i}", 9, true, TimeSpan.FromMinutes(2), default);
        }

        _time.Advance(TimeSpan.FromSeconds(59));
        await sut.LoadLatestAsync("e7", "", default);
        sut.KnownExecutions.ShouldBe(400);
        _time.Advance(TimeSpan.FromSeconds(2));
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["e7"]);
        _time.Advance(TimeSpan.FromMinutes(2));
        await sut.GetPendingStatsAsync(default);

        sut.KnownExecutions.ShouldBe(0);
        sut.Bytes.ShouldBe(0);
    }

    [Fact]
    public async Task Calls_FromManyThreads_KeepTheirCounts()
    {
        var sut = new InProcessCheckpointCache(TimeProvider.System, 4, 200_000);
        var policy = new CacheRetention(TimeSpan.FromMilliseconds(5), true, 3);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 500; i++)
            {
                var checkpoint = Make($"e{i % 10}", $"{i % 7}", state: $"{writer} {i}");
                var saved = await SaveAsync(sut, checkpoint, 1, policy);
                await sut.LoadLatestAsync($"e{i % 10}", "", default);
                await SettleAsync(sut, MarkOf(checkpoint, saved.Sequence, policy));
                if (i % 50 == 0)
                {
                    await sut.ClearAsync($"e{i % 10}", 1, true, TimeSpan.FromMilliseconds(5), default);
                }
            }
        })));

        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(0);
        sut.Bytes.ShouldBeInRange(0, 200_000);
    }

    private protected override ICheckpointCache Create(string name = "") => new InProcessCheckpointCache(_time, 8);

    private protected override async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            i.ShouldBeLessThan(1000);
            _time.Advance(TimeSpan.FromMilliseconds(20));
        }
    }
}
