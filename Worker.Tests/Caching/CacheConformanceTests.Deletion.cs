using AsyncCheckpoints.Caching;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Caching;

public abstract partial class CacheConformanceTests
{
    [Fact]
    public async Task DeleteAsync_Known_IsGoneFromLoadAndList()
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 3; i++)
        {
            await SaveAsync(sut, Make("e", $"{i}"), i);
        }

        (await sut.DeleteAsync(new("e", "3"), 2, false, Hour, default)).ShouldBe(4);
        (await sut.DeleteAsync(new("e", "1"), 10, false, Hour, default)).ShouldBe(10);

        (await sut.LoadAsync(new("e", "3"), default)).ShouldBe(new CacheRead(CacheReadStatus.Deleted, new CachedCheckpoint(4, default)));
        (await IdsAsync(sut, All("e"))).ShouldBe("2");
        (await LatestAsync(sut, "e")).ShouldBe("2");
        (await SaveAsync(sut, Make("e", "3"), 5)).Sequence.ShouldBe(11);
        (await StatusAsync(sut, new("e", "3"))).ShouldBe(CacheReadStatus.Found);
        (await IdsAsync(sut, All("e"))).ShouldBe("3,2");
    }

    [Fact]
    public async Task GetClearAsync_OnlyAClear_IsOne()
    {
        var sut = await CreateSut();
        (await sut.GetClearAsync("e", default)).ShouldBeNull();
        foreach (var id in new[] { "*", "1" })
        {
            await SaveAsync(sut, Make("e", id), 5);
            await sut.DeleteAsync(new("e", id), 6, false, Hour, default);
        }

        (await sut.GetClearAsync("e", default)).ShouldBeNull();
        var cleared = await sut.ClearAsync("e", 1, false, Hour, default);
        (await sut.GetClearAsync("e", default)).ShouldBe(cleared);
        await SaveAsync(sut, Make("e", "*"), 100);
        (await sut.GetClearAsync("e", default)).ShouldBe(cleared);
    }

    [Fact]
    public async Task DeleteAsync_Unknown_IsNoError()
    {
        var sut = await CreateSut();
        (await sut.DeleteAsync(new("e", "ns", "1"), 5, false, Hour, default)).ShouldBe(5);
        (await sut.DeleteAsync(new("e", "ns", "1"), 5, false, Hour, default)).ShouldBe(6);

        (await StatusAsync(sut, new("e", "ns", "1"))).ShouldBe(CacheReadStatus.Deleted);
        (await StatusAsync(sut, new("e", "1"))).ShouldBe(CacheReadStatus.Unknown);
        (await SaveAsync(sut, Make("e", "2", "ns"))).Sequence.ShouldBe(7);
        (await PendingAsync(sut)).Select(entry => entry.Mark.Kind).Order().ShouldBe([PendingKind.Save, PendingKind.Delete, PendingKind.Delete]);
    }

    [Fact]
    public async Task PutAsync_NotTakenInAboveTheClear_IsNotTakenForDeleted()
    {
        var sut = await CreateSut();
        await sut.ClearAsync("e", 100, false, Hour, default);
        (await PutAsync(sut, Make("e", "9"), 209, pending: false)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("e", "8"), 208, pending: false)).ShouldBe(CachePut.Ignored);

        (await StatusAsync(sut, new("e", "8"))).ShouldBe(CacheReadStatus.Unknown);
        (await StatusAsync(sut, new("e", "9"))).ShouldBe(CacheReadStatus.Found);
    }

    [Fact]
    public async Task DeleteAsync_LastOfStream_LeavesNoExecution()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 5);
        await sut.DeleteAsync(new("e", "1"), 6, false, Hour, default);

        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBeEmpty();
        (await LatestAsync(sut, "e")).ShouldBeNull();
        (await SaveAsync(sut, Make("e", "1"), 1)).Sequence.ShouldBe(7);
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["e"]);
    }

    [Fact]
    public async Task DeleteAsync_Fixed_KeepsNewerVersionAndMakesNoMark()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "old"), 5);
        await SaveAsync(sut, Make("e", "new"), 9);
        var pending = (await PendingAsync(sut)).Count;

        (await sut.DeleteAsync(new("e", "old"), 7, true, Hour, default)).ShouldBe(7);
        (await sut.DeleteAsync(new("e", "new"), 7, true, Hour, default)).ShouldBe(7);
        (await sut.DeleteAsync(new("e", "new"), 6, true, Hour, default)).ShouldBe(6);

        (await IdsAsync(sut, All("e"))).ShouldBe("new");
        (await StatusAsync(sut, new("e", "old"))).ShouldNotBe(CacheReadStatus.Found);
        (await sut.GetMarksAsync("e", [("", "old"), ("", "new")], default)).ShouldBe([new CacheMark(7, true), new CacheMark(9, false)]);
        (await PendingAsync(sut)).Count.ShouldBe(pending);
        (await SaveAsync(sut, Make("e", "x"), 1)).Sequence.ShouldBe(10);
    }

    [Fact]
    public async Task ClearAsync_OneExecution_LeavesOthers()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("a", "1"), 5);
        await SaveAsync(sut, Make("a", "2", "x"), 9);
        await SaveAsync(sut, Make("a", "3", "y"), 6, new(Hour, true, 3));
        await SaveAsync(sut, Make("b", "1"), 5);
        await sut.DeleteAsync(new("a", "gone"), 20, false, Hour, default);

        (await sut.ClearAsync("a", 3, false, Hour, default)).ShouldBe(21);

        (await IdsAsync(sut, All("a"))).ShouldBe("");
        (await IdsAsync(sut, All("b"))).ShouldBe("1");
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["b"]);
        (await StatusAsync(sut, new("a", "x", "2"))).ShouldBe(CacheReadStatus.Deleted);
        (await StatusAsync(sut, new("a", "never saved"))).ShouldBe(CacheReadStatus.Deleted);
        (await LatestAsync(sut, "a", "x")).ShouldBeNull();
        (await SaveAsync(sut, Make("a", "2", "x"), 1)).Sequence.ShouldBe(22);
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["a", "b"]);
        (await sut.ClearAsync("unknown", 5, false, Hour, default)).ShouldBe(5);
        (await sut.ClearAsync("unknown", 5, false, Hour, default)).ShouldBe(6);
    }

    [Fact]
    public async Task ClearAsync_Fixed_KeepsNewerAndMakesNoMark()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 5);
        await SaveAsync(sut, Make("e", "2"), 9);
        await SaveAsync(sut, Make("e", "3", "x"), 6);
        var pending = (await PendingAsync(sut)).Count;

        (await sut.ClearAsync("e", 7, true, Hour, default)).ShouldBe(7);
        (await sut.ClearAsync("e", 6, true, Hour, default)).ShouldBe(6);

        (await IdsAsync(sut, All("e"))).ShouldBe("2");
        (await StatusAsync(sut, new("e", "1"))).ShouldNotBe(CacheReadStatus.Found);
        (await PutAsync(sut, Make("e", "1"), 7, pending: true)).ShouldBe(CachePut.Discarded);
        (await PutAsync(sut, Make("e", "1"), 8, pending: true)).ShouldBe(CachePut.Taken);
        (await PendingAsync(sut)).Count.ShouldBe(pending + 1);
        (await SaveAsync(sut, Make("e", "4", "x"), 1)).Sequence.ShouldBe(8);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PutAsync_Tombstone_BlocksWhatItCovers(bool pending)
    {
        var sut = await CreateSut();
        await sut.DeleteAsync(new("e", "1"), 10, false, Hour, default);
        await sut.ClearAsync("c", 10, false, Hour, default);

        (await PutAsync(sut, Make("e", "1"), 10, pending)).ShouldBe(CachePut.Discarded);
        (await PutAsync(sut, Make("c", "1", "x"), 10, pending)).ShouldBe(CachePut.Discarded);
        (await PutAsync(sut, Make("e", "2"), 9, pending)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("e", "1"), 11, pending)).ShouldBe(CachePut.Taken);
        (await PutAsync(sut, Make("c", "1", "x"), 11, pending)).ShouldBe(CachePut.Taken);
        (await IdsAsync(sut, All("e"))).ShouldBe("1,2");
    }

    [Fact]
    public async Task LoadAsync_NewerVersionHasLeft_TombstoneProvesNothing()
    {
        var sut = await CreateSut();
        var one = new CacheRetention(null, false, 1);
        var sequence = await ProposeAsync(sut);
        await sut.DeleteAsync(new("e", "1"), sequence, false, Hour, default);
        (await StatusAsync(sut, new("e", "1"))).ShouldBe(CacheReadStatus.Deleted);
        var saved = Make("e", "1");
        var place = (await SaveAsync(sut, saved, sequence, one)).Sequence;
        await SettleAsync(sut, MarkOf(saved, place, one));
        await SaveAsync(sut, Make("e", "2"), place + 1, one);

        (await IdsAsync(sut, All("e"))).ShouldBe("2");
        (await StatusAsync(sut, new("e", "1"))).ShouldBe(CacheReadStatus.Unknown);
        (await sut.GetMarksAsync("e", [("", "1")], default)).ShouldBe([new CacheMark(sequence, true)]);
    }

    [Fact]
    public async Task GetMarksAsync_AllKinds_GivesTheHighest()
    {
        var sut = await CreateSut();
        await sut.ClearAsync("e", 5, false, Hour, default);
        await SaveAsync(sut, Make("e", "there", "x"), 10);
        await SaveAsync(sut, Make("e", "deleted"), 11);
        await sut.DeleteAsync(new("e", "deleted"), 12, false, Hour, default);
        await SaveAsync(sut, Make("e", "again"), 13);
        await sut.DeleteAsync(new("e", "again"), 14, false, Hour, default);
        await SaveAsync(sut, Make("e", "again"), 15);
        var keys = Enumerable.Range(0, 1200).Select(i => ("", $"other {i}")).ToList();

        (await sut.GetMarksAsync("e", [("x", "there"), ("", "deleted"), ("", "again"), ("", "unknown")], default)).ShouldBe(
            [new CacheMark(10, false), new CacheMark(12, true), new CacheMark(15, false), new CacheMark(5, true)]);
        (await sut.GetMarksAsync("e", keys, default)).ShouldBe(Enumerable.Repeat<CacheMark?>(new CacheMark(5, true), 1200));
        (await sut.GetMarksAsync("e", [], default)).ShouldBeEmpty();
        (await sut.GetMarksAsync("unknown", keys, default)).ShouldAllBe(mark => mark == null);
    }

    [Fact]
    public async Task Tombstone_ItsTimeHasPassed_Expires()
    {
        var sut = await CreateSut();
        var keep = TimeSpan.FromMilliseconds(400);
        await SaveAsync(sut, Make("e", "1"), 5);
        await sut.DeleteAsync(new("e", "1"), 6, false, keep, default);
        await sut.ClearAsync("c", 6, false, keep, default);
        await sut.ClearAsync("f", 6, true, keep, default);

        foreach (var execution in new[] { "e", "c", "f" })
        {
            await UntilAsync(async () => (await sut.GetMarksAsync(execution, [("", "1")], default))[0] is null);
            (await StatusAsync(sut, new(execution, "1"))).ShouldBe(CacheReadStatus.Unknown);
            (await PutAsync(sut, Make(execution, "1"), 3, pending: false)).ShouldBe(CachePut.Taken);
        }
    }

    [Fact]
    public async Task Tombstone_OthersFollow_StillExpires()
    {
        var sut = await CreateSut();
        await sut.DeleteAsync(new("e", "first"), 1, false, TimeSpan.FromMilliseconds(400), default);

        await UntilAsync(async () =>
        {
            await sut.DeleteAsync(new("e", "other"), 1, false, Hour, default);
            return (await sut.GetMarksAsync("e", [("", "first")], default))[0] is null;
        });

        (await StatusAsync(sut, new("e", "other"))).ShouldBe(CacheReadStatus.Deleted);
    }
}
