using AsyncCheckpoints.Caching;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Caching;

public abstract partial class CacheConformanceTests
{
    private static readonly CacheRetention Short = new(TimeSpan.FromMilliseconds(300), false, 0);

    // For a stream that must not expire between two calls.
    private static readonly CacheRetention Longer = new(TimeSpan.FromSeconds(8), false, 0);

    [Fact]
    public async Task Ttl_NothingPending_StreamExpires()
    {
        var sut = await CreateSut();
        await SaveSettledAsync(sut, Make("e", "1"), Short);
        await SaveSettledAsync(sut, Make("e", "2"), Short);
        await SaveSettledAsync(sut, Make("e", "stays", "other"), default);
        await SaveSettledAsync(sut, Make("f", "1"), Short);

        await UntilAsync(async () => await StatusAsync(sut, new("e", "1")) == CacheReadStatus.Unknown);
        await UntilAsync(async () => await StatusAsync(sut, new("f", "1")) == CacheReadStatus.Unknown);

        (await StatusAsync(sut, new("e", "2"))).ShouldBe(CacheReadStatus.Unknown);
        (await LatestAsync(sut, "e")).ShouldBeNull();
        (await IdsAsync(sut, All("e"))).ShouldBe("stays");
        await UntilAsync(async () => (await sut.ListExecutionsAsync("", null, 10, default)) is ["e"]);
    }

    [Fact]
    public async Task Ttl_Pending_NeverExpires()
    {
        var sut = await CreateSut();
        var saved = Make("e", "1");
        var sequence = (await SaveAsync(sut, saved, 5, Short)).Sequence;
        await SaveSettledAsync(sut, Make("e", "2"), Short);
        await SaveSettledAsync(sut, Make("witness", "1"), Short);
        await UntilAsync(async () => await StatusAsync(sut, new("witness", "1")) == CacheReadStatus.Unknown);

        (await IdsAsync(sut, All("e"))).ShouldBe("2,1");
        (await PendingAsync(sut)).ShouldHaveSingleItem().Record.IsEmpty.ShouldBeFalse();

        (await SettleAsync(sut, MarkOf(saved, sequence, Short))).ShouldBeEmpty();
        await UntilAsync(async () => await StatusAsync(sut, new("e", "1")) == CacheReadStatus.Unknown);
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Ttl_PendingSaveInExpiringStream_StopsExpiry()
    {
        var sut = await CreateSut();
        await SaveSettledAsync(sut, Make("e", "1"), Longer);
        await SaveAsync(sut, Make("e", "2"), 5, Longer);
        await SaveSettledAsync(sut, Make("witness", "1"), Longer);

        await UntilAsync(async () => await StatusAsync(sut, new("witness", "1")) == CacheReadStatus.Unknown);

        (await IdsAsync(sut, All("e"))).ShouldBe("2,1");
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["e"]);
    }

    [Fact]
    public async Task Ttl_EmptiedWhilePending_CountsAnew()
    {
        var sut = await CreateSut();
        var old = await SaveAsync(sut, Make("e", "1"), 5, Short);
        await sut.DeleteAsync(new("e", "1"), 6, false, Hour, default);
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBeEmpty();
        await SaveAsync(sut, Make("e", "2"), 7, Short);

        (await SettleAsync(sut, MarkOf(Make("e", "1"), old.Sequence, Short))).ShouldBeEmpty();
        await SaveSettledAsync(sut, Make("witness", "1"), Short);
        await UntilAsync(async () => await StatusAsync(sut, new("witness", "1")) == CacheReadStatus.Unknown);

        (await StatusAsync(sut, new("e", "2"))).ShouldBe(CacheReadStatus.Found);
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe(["e"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ttl_SlidingAndRead_StartsAnew(bool latest)
    {
        var sut = await CreateSut();
        var time = TimeSpan.FromSeconds(4);
        await SaveSettledAsync(sut, Make("sliding", "1"), new(time, true, 0));
        for (var i = 0; i < 2; i++)
        {
            // Each witness lives as long as a stream that nobody reads.
            var witness = $"witness{i}";
            await SaveSettledAsync(sut, Make(witness, "1"), new(time, false, 0));
            await UntilAsync(async () =>
            {
                var read = latest ? await sut.LoadLatestAsync("sliding", "", default) : await sut.LoadAsync(new("sliding", "1"), default);
                read.Status.ShouldBe(CacheReadStatus.Found);
                return await StatusAsync(sut, new(witness, "1")) == CacheReadStatus.Unknown;
            });
        }

        (await IdsAsync(sut, All("sliding"))).ShouldBe("1");
        await SaveSettledAsync(sut, Make("later", "1"), new(time * 2, false, 0));
        await UntilAsync(async () => await StatusAsync(sut, new("later", "1")) == CacheReadStatus.Unknown);
        (await StatusAsync(sut, new("sliding", "1"))).ShouldBe(CacheReadStatus.Unknown);
    }

    [Fact]
    public async Task Ttl_Warmed_Expires()
    {
        var sut = await CreateSut();
        (await PutAsync(sut, Make("e", "1"), 5, pending: false, Short)).ShouldBe(CachePut.Taken);
        await UntilAsync(async () => await StatusAsync(sut, new("e", "1")) == CacheReadStatus.Unknown);
    }

    [Fact]
    public async Task Ttl_PolicyDropped_StaysForEver()
    {
        var sut = await CreateSut();
        await SaveSettledAsync(sut, Make("e", "1"), Longer);
        await SaveSettledAsync(sut, Make("e", "2"), default);
        await SaveSettledAsync(sut, Make("witness", "1"), Longer);
        await UntilAsync(async () => await StatusAsync(sut, new("witness", "1")) == CacheReadStatus.Unknown);

        (await IdsAsync(sut, All("e"))).ShouldBe("2,1");
    }

    [Fact]
    public async Task MaxPerStream_Settled_KeepsTheNewest()
    {
        var sut = await CreateSut();
        var two = new CacheRetention(null, false, 2);
        for (var i = 1; i <= 5; i++)
        {
            await SaveSettledAsync(sut, Make("e", $"{i}"), two);
        }

        (await IdsAsync(sut, All("e"))).ShouldBe("5,4");
        (await StatusAsync(sut, new("e", "1"))).ShouldBe(CacheReadStatus.Unknown);
        (await SaveAsync(sut, Make("e", "6"), 1, two)).Sequence.ShouldBe(6);
        (await IdsAsync(sut, All("e"))).ShouldBe("6,5");
    }

    [Fact]
    public async Task MaxPerStream_Pending_StaysUntilSettled()
    {
        var sut = await CreateSut();
        var two = new CacheRetention(null, false, 2);
        for (var i = 1; i <= 6; i++)
        {
            await SaveAsync(sut, Make("e", $"{i}"), i, two);
        }

        (await IdsAsync(sut, All("e"))).ShouldBe("6,5,4,3,2,1");
        await SettleAsync(sut, MarkOf(Make("e", "3"), 3, two), MarkOf(Make("e", "6"), 6, two));
        // A hole would hide what the archive has there: a listing takes the cached part for the newest of the stream.
        (await IdsAsync(sut, All("e"))).ShouldBe("6,5,4,3,2,1");
        await SettleAsync(sut, MarkOf(Make("e", "1"), 1, two));
        (await IdsAsync(sut, All("e"))).ShouldBe("6,5,4,3,2");
        await SettleAsync(sut, [.. new[] { 2, 4, 5 }.Select(i => MarkOf(Make("e", $"{i}"), i, two))]);
        (await IdsAsync(sut, All("e"))).ShouldBe("6,5");
        (await PendingAsync(sut)).ShouldBeEmpty();
    }

    /// <summary>A repair does not know what the client has set.</summary>
    [Fact]
    public async Task PutAsync_WithoutAPolicy_KeepsTheStreams()
    {
        var sut = await CreateSut();
        var two = new CacheRetention(null, false, 2);
        await SaveSettledAsync(sut, Make("e", "1"), two);
        for (var i = 2; i <= 5; i++)
        {
            (await PutAsync(sut, Make("e", $"{i}"), 1_000_000 + i, pending: false, default)).ShouldBe(CachePut.Taken);
        }

        (await IdsAsync(sut, All("e"))).ShouldBe("5,4");
    }

    private static async Task SaveSettledAsync(ICheckpointCache sut, Checkpoint checkpoint, CacheRetention policy)
    {
        var saved = await SaveAsync(sut, checkpoint, 1, policy);
        (await SettleAsync(sut, MarkOf(checkpoint, saved.Sequence, policy))).ShouldBeEmpty();
    }
}
