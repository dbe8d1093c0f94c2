using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Caching;

public abstract partial class CacheConformanceTests
{
    [Fact]
    public async Task PutAsync_OutOfOrder_KeepsLatest()
    {
        var sut = await CreateSut();
        foreach (var sequence in new long[] { 3, 1, 5, 2, 4 })
        {
            (await PutAsync(sut, Make("e", $"{sequence}"), sequence, pending: true)).ShouldBe(CachePut.Taken);
        }

        (await LatestAsync(sut, "e")).ShouldBe("5");
        (await IdsAsync(sut, All("e"))).ShouldBe("5,4,3,2,1");
        (await IdsAsync(sut, new() { ExecutionId = "e", AfterSequence = 1, BeforeSequence = 4 })).ShouldBe("3,2");
        (await SaveAsync(sut, Make("e", "6"), 2)).Sequence.ShouldBe(6);
        (await PendingAsync(sut)).Count.ShouldBe(6);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PutAsync_SameId_HighestSequenceStays(bool pending)
    {
        var sut = await CreateSut();
        (await PutAsync(sut, Make("e", "1", state: "5"), 5, pending)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("e", "1", state: "equal"), 5, pending)).ShouldBe(CachePut.Ignored);
        (await PutAsync(sut, Make("e", "1", state: "lower"), 4, pending)).ShouldBe(CachePut.Ignored);
        (await PutAsync(sut, Make("e", "2"), 9, pending)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("e", "1", state: "6"), 6, pending)).ShouldBe(CachePut.Taken);

        Decode((await sut.LoadAsync(new("e", "1"), default)).Checkpoint).State.ToArray().ShouldBe("6"u8.ToArray());
        (await IdsAsync(sut, All("e"))).ShouldBe("2,1");
        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(pending ? 3 : 0);
    }

    [Fact]
    public async Task PutAsync_Warm_TakesTheNewestAndWhatIsMissingBehindTheOldest()
    {
        var sut = await CreateSut();
        (await PutAsync(sut, Make("e", "5"), 5, pending: false)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("e", "4"), 4, pending: false)).ShouldBe(CachePut.Ignored);
        (await PutAsync(sut, Make("e", "7"), 7, pending: false)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("e", "6"), 6, pending: false)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("e", "4"), 4, pending: true)).ShouldBe(CachePut.Taken);

        (await IdsAsync(sut, All("e"))).ShouldBe("7,6,5,4");
        (await PendingAsync(sut)).ShouldHaveSingleItem().Mark.Sequence.ShouldBe(4);
    }

    [Fact]
    public async Task ListPendingAsync_ManyMarks_GivesOldestOfTheShard()
    {
        var sut = await CreateSut();
        var start = await sut.GetTimeAsync(default);
        var from = CheckpointCodec.ToMicroseconds(start);
        foreach (var i in new[] { 3, 1, 2, 5, 4 })
        {
            await PutAsync(sut, Make("e", $"{i}", state: $"{i}"), from + i, pending: true, new(Hour, true, 7));
        }

        var shard = Enumerable.Range(0, sut.ShardCount).Single(s => s == ShardHash.Of("e", sut.ShardCount));
        (await sut.ListPendingAsync(shard, start.AddMicroseconds(4), 10, default)).Select(entry => entry.Mark)
            .ShouldBe(Enumerable.Range(1, 3).Select(i => MarkOf(Make("e", $"{i}"), from + i, new(Hour, true, 7))));
        (await sut.ListPendingAsync(shard, start.AddHours(1), 2, default)).Select(entry => Decode(new(0, entry.Record)).Id).ShouldBe(["1", "2"]);
        (await sut.ListPendingAsync((shard + 1) % sut.ShardCount, start.AddHours(1), 2, default)).ShouldBeEmpty();
        (await sut.ListPendingAsync(shard, start, 10, default)).ShouldBeEmpty();
        (await sut.ListPendingShardsAsync(start.AddMicroseconds(2), default)).ShouldBe([shard]);
        (await sut.ListPendingShardsAsync(start.AddMicroseconds(1), default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task ListPendingAsync_ReplacedOrDeletedVersion_HasNoRecord()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1", state: "old"), 5);
        await SaveAsync(sut, Make("e", "1", state: "new"), 6);
        await SaveAsync(sut, Make("e", "2"), 7);
        await sut.DeleteAsync(new("e", "2"), 8, false, Hour, default);
        await sut.ClearAsync("f", 9, false, Hour, default);

        var pending = (await PendingAsync(sut)).OrderBy(entry => entry.Mark.Sequence).ToList();

        pending.Select(entry => (entry.Mark.Kind, entry.Mark.Key, entry.Mark.Sequence, entry.Record.IsEmpty)).ShouldBe(
        [
            (PendingKind.Save, new("e", "1"), 5, true), (PendingKind.Save, new("e", "1"), 6, false), (PendingKind.Save, new("e", "2"), 7, true),
            (PendingKind.Delete, new("e", "2"), 8, true), (PendingKind.Clear, new("f", "", ""), 9, true),
        ]);
        Decode(new(6, pending[1].Record)).State.ToArray().ShouldBe("new"u8.ToArray());
        (await Task.WhenAll(pending.Select(entry => sut.IsPendingAsync(entry.Mark, default)))).ShouldAllBe(isPending => isPending);
        (await sut.IsPendingAsync(MarkOf(Make("e", "1"), 7), default)).ShouldBeFalse();
        (await sut.IsPendingAsync(new(PendingKind.Delete, new("e", "1"), 5, default), default)).ShouldBeFalse();
        (await sut.SettleAsync([.. pending.Select(entry => entry.Mark)], default)).ShouldBeEmpty();
        (await PendingAsync(sut)).ShouldBeEmpty();
    }

    [Fact]
    public async Task SettleAsync_OldVersion_LeavesNewerPending()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1", state: "old"), 5);
        await SaveAsync(sut, Make("e", "1", state: "new"), 6);

        (await SettleAsync(sut, MarkOf(Make("e", "1"), 5))).ShouldBeEmpty();

        (await PendingAsync(sut)).ShouldHaveSingleItem().Mark.Sequence.ShouldBe(6);
    }

    [Fact]
    public async Task SettleAsync_NotThere_IsReported()
    {
        var sut = await CreateSut();
        var limited = new CacheRetention(null, false, 10);
        await SaveAsync(sut, Make("e", "1"), 5);
        await SaveAsync(sut, Make("p", "1"), 5, limited);
        PendingMark[] lost =
        [
            MarkOf(Make("e", "1"), 6), MarkOf(Make("p", "1"), 6, limited), MarkOf(Make("unknown", "1"), 5), MarkOf(Make("unknown", "1"), 5, limited),
            new(PendingKind.Delete, new("e", "1"), 5, default), new(PendingKind.Clear, new("e", "", ""), 5, default),
        ];

        var missing = await SettleAsync(sut, [.. lost, MarkOf(Make("e", "1"), 5), MarkOf(Make("p", "1"), 5, limited)]);

        lost.ShouldBeSubsetOf(missing);
        (await PendingAsync(sut)).ShouldBeEmpty();
        (await sut.SettleAsync([], default)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SettleAsync_FiveThousand_SettlesAll(bool limited)
    {
        var sut = await CreateSut();
        var policy = limited ? new CacheRetention(Hour, true, 3) : default;
        var saved = await Task.WhenAll(Enumerable.Range(0, 5000).Select(async i =>
        {
            var checkpoint = Make($"e{i % 100}", $"{i}");
            return MarkOf(checkpoint, (await SaveAsync(sut, checkpoint, i + 1, policy)).Sequence, policy);
        }));
        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(5000);

        (await sut.SettleAsync(saved, default)).ShouldBeEmpty();

        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(0);
        (await sut.ListAsync(All("e7"), null, default)).Count.ShouldBe(limited ? 3 : 50);
        (await sut.SettleAsync(saved, default)).Count.ShouldBe(5000);
    }

    [Fact]
    public async Task SettleAsync_SaveWithoutPolicyInStreamWithOne_IsCounted()
    {
        var sut = await CreateSut();
        var policy = new CacheRetention(null, false, 2);
        List<PendingMark> marks = [];
        foreach (var (id, its) in new[] { ("1", default), ("2", policy), ("3", default), ("4", policy), ("5", policy) })
        {
            var saved = await SaveAsync(sut, Make("e", id), 1, its);
            marks.Add(MarkOf(Make("e", id), saved.Sequence, its));
        }

        (await IdsAsync(sut, All("e"))).ShouldBe("5,4,3,2,1");
        (await Task.WhenAll(marks.Select(mark => sut.IsPendingAsync(mark, default)))).ShouldAllBe(isPending => isPending);
        await sut.SettleAsync(marks, default);
        (await sut.IsPendingAsync(marks[4], default)).ShouldBeFalse();

        (await PendingAsync(sut)).ShouldBeEmpty();
        (await IdsAsync(sut, All("e"))).ShouldBe("5,4");
    }

    [Fact]
    public async Task GetPendingStatsAsync_Marks_GivesCountAndOldestAge()
    {
        var sut = await CreateSut();
        (await sut.GetPendingStatsAsync(default)).ShouldBe(new PendingStats(0, TimeSpan.Zero));
        var now = await ProposeAsync(sut);
        await SaveAsync(sut, Make("a", "1"), now);
        await SaveAsync(sut, Make("b", "1"), now - 90_000_000);
        await SaveAsync(sut, Make("c", "1"), now + 3_600_000_000);

        var stats = await sut.GetPendingStatsAsync(default);

        stats.Count.ShouldBe(3);
        stats.OldestAge.ShouldBeInRange(TimeSpan.FromSeconds(89.9), TimeSpan.FromMinutes(5));
        await SettleAsync(sut, MarkOf(Make("a", "1"), now), MarkOf(Make("b", "1"), now - 90_000_000));
        (await sut.GetPendingStatsAsync(default)).ShouldBe(new PendingStats(1, TimeSpan.Zero));
    }
}
