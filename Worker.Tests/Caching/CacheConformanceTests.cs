using System.Globalization;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Caching;

/// <summary>What every cache does. A class that derives from it says how one is made.</summary>
public abstract partial class CacheConformanceTests : IAsyncLifetime
{
    private protected static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly DateTimeOffset SomeTime = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);
    private readonly List<ICheckpointCache> _open = [];
    private int _places;

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual async Task DisposeAsync()
    {
        foreach (var cache in _open.OfType<IAsyncDisposable>())
        {
            await cache.DisposeAsync();
        }
    }

    /// <summary>A cache of this test's own; another name is another cache.</summary>
    private protected abstract ICheckpointCache Create(string name = "");

    /// <summary>Another client of the same cache, where there can be one.</summary>
    private protected virtual ICheckpointCache Another(ICheckpointCache sut) => sut;

    /// <summary>Lets time pass until the condition holds; fails when it never does.</summary>
    private protected abstract Task UntilAsync(Func<Task<bool>> condition);

    private protected async Task<ICheckpointCache> CreateSut(string name = "")
    {
        var cache = Own(Create(name));
        await cache.InitializeAsync(default);
        return cache;
    }

    private protected ICheckpointCache Own(ICheckpointCache cache)
    {
        _open.Add(cache);
        return cache;
    }

    private protected static Checkpoint Make(string execution, string id, string ns = "", string state = "{}", string? metadata = null) => new()
    {
        ExecutionId = execution,
        Namespace = ns,
        Id = id,
        State = Encoding.UTF8.GetBytes(state),
        ContentType = "application/json",
        Metadata = metadata is null ? null : JsonElement.Parse(metadata),
        CreatedAt = SomeTime,
    };

    private protected static Task<CacheSave> SaveAsync(
        ICheckpointCache sut, Checkpoint checkpoint, long sequence = 1, CacheRetention policy = default, string? expected = null) =>
        sut.SaveAsync(CheckpointCodec.Encode(checkpoint), sequence, policy, expected, default);

    private protected static Task<CachePut> PutAsync(
        ICheckpointCache sut, Checkpoint checkpoint, long sequence, bool pending, CacheRetention policy = default) =>
        sut.PutAsync(CheckpointCodec.Encode(checkpoint), sequence, policy, pending, default);

    private protected static Task<IReadOnlyList<PendingMark>> SettleAsync(ICheckpointCache sut, params PendingMark[] marks) => sut.SettleAsync(marks, default);

    private protected static PendingMark MarkOf(Checkpoint checkpoint, long sequence, CacheRetention policy = default) =>
        new(PendingKind.Save, checkpoint.Key, sequence, policy);

    private protected static async Task<CacheReadStatus> StatusAsync(ICheckpointCache sut, CheckpointKey key) => (await sut.LoadAsync(key, default)).Status;

    private protected static async Task<string?> LatestAsync(ICheckpointCache sut, string execution, string ns = "") =>
        await sut.LoadLatestAsync(execution, ns, default) is { Status: CacheReadStatus.Found } found ? Decode(found.Checkpoint).Id : null;

    private protected static async Task<string> IdsAsync(ICheckpointCache sut, CheckpointQuery query) =>
        string.Join(',', (await sut.ListAsync(query, null, default)).Select(item => Decode(item).Id));

    private protected static CheckpointQuery All(string execution) => new() { ExecutionId = execution, Namespace = null, Limit = 1000 };

    private protected static Checkpoint Decode(CachedCheckpoint found) => CheckpointCodec.Decode(found.Record, found.Sequence);

    /// <summary>A sequence as the client proposes it: the cache's time, rising.</summary>
    private protected async Task<long> ProposeAsync(ICheckpointCache sut) =>
        CheckpointCodec.ToMicroseconds(await sut.GetTimeAsync(default)) + Interlocked.Increment(ref _places);

    private protected static async Task<List<PendingEntry>> PendingAsync(ICheckpointCache sut, DateTimeOffset? madeBefore = null)
    {
        var before = madeBefore ?? await sut.GetTimeAsync(default) + Hour;
        var found = new List<PendingEntry>();
        for (var shard = 0; shard < sut.ShardCount; shard++)
        {
            found.AddRange(await sut.ListPendingAsync(shard, before, 10_000, default));
        }

        return found;
    }

    [Fact]
    public async Task LoadAsync_AfterSave_RoundTripsEveryField()
    {
        var sut = await CreateSut();
        var saved = new Checkpoint
        {
            ExecutionId = "exécution 😀 'quoted' \"x\" %_ {1} [a-z]* \\",
            Namespace = "ns/子|🜁:{x}",
            Id = "id; redis.call('FLUSHALL') --",
            ParentId = "parent 😀",
            NodeName = "node ☃",
            Version = long.MinValue,
            State = new byte[] { 0, 1, 255, 0 },
            ContentType = "application/x-thing; v=\"1\"",
            Metadata = JsonElement.Parse("""{"a":1,"ü":"\u0001😀\"","n":{"x":[1.50,null,true]}}"""),
            CreatedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)).AddMicroseconds(123457),
        };
        (await SaveAsync(sut, saved, 7)).ShouldBe(new CacheSave(7, false, false, null));

        var loaded = await sut.LoadAsync(saved.Key, default);
        var latest = await sut.LoadLatestAsync(saved.ExecutionId, saved.Namespace, default);
        var listed = await sut.ListAsync(All(saved.ExecutionId), null, default);

        foreach (var found in new[] { loaded.Checkpoint, latest.Checkpoint, listed.ShouldHaveSingleItem() })
        {
            var read = Decode(found);
            read.State.ToArray().ShouldBe(saved.State.ToArray());
            JsonElement.DeepEquals(read.Metadata!.Value, saved.Metadata!.Value).ShouldBeTrue();
            (read with { State = default, Metadata = null }).ShouldBe(saved with { State = default, Metadata = null, Sequence = 7 });
        }

        (await PendingAsync(sut)).ShouldHaveSingleItem().Mark.ShouldBe(MarkOf(saved, 7));
        (await sut.ListExecutionsAsync("", null, 10, default)).ShouldBe([saved.ExecutionId]);
        (await SettleAsync(sut, MarkOf(saved, 7))).ShouldBeEmpty();
        (await sut.DeleteAsync(saved.Key, 0, false, Hour, default)).ShouldBe(8);
        (await StatusAsync(sut, saved.Key)).ShouldBe(CacheReadStatus.Deleted);
    }

    [Fact]
    public async Task LoadAsync_AnyBytes_ReturnsThemExactly()
    {
        var sut = await CreateSut();
        var random = new byte[16 * 1024 * 1024];
        new Random(1).NextBytes(random);
        byte[][] states =
        [
            [], [0], Encoding.UTF8.GetBytes("""{ "a" : 1.0,  "a":2 }"""), Encoding.UTF8.GetBytes("\0nul\0😀🜁\uFEFF"),
            random[..1000], random[..100_000], random, new byte[70_000],
        ];
        for (var i = 0; i < states.Length; i++)
        {
            await SaveAsync(sut, Make("e", $"{i}") with { State = states[i] }, i + 1);
        }

        for (var i = 0; i < states.Length; i++)
        {
            Decode((await sut.LoadAsync(new("e", $"{i}"), default)).Checkpoint).State.Span.SequenceEqual(states[i]).ShouldBeTrue($"state {i}");
        }

        var listed = await sut.ListAsync(All("e") with { OldestFirst = true }, null, default);
        listed.Count.ShouldBe(states.Length);
        listed.Select(item => Decode(item).State.Length).ShouldBe(states.Select(state => state.Length));
        (await sut.ListAsync(All("e") with { IncludeState = false }, null, default)).ShouldAllBe(item => item.Record.Length < 1000);
    }

    [Fact]
    public async Task LoadAsync_NulInIds_IsJustACharacter()
    {
        var sut = await CreateSut();
        var saved = CheckpointCodec.Encode(Make("e\0x", "i\0", "\0"));
        await sut.SaveAsync(saved, 1, default, null, default);

        (await sut.LoadAsync(saved.Key, default)).Checkpoint.Record.ToArray().ShouldBe(saved.Record.ToArray());
        (await StatusAsync(sut, new("e", "\0", "i\0"))).ShouldBe(CacheReadStatus.Unknown);
        (await PendingAsync(sut)).ShouldHaveSingleItem().Mark.Key.ShouldBe(saved.Key);
    }

    [Fact]
    public async Task Reads_Unknown_KnowNothing()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"));

        (await sut.LoadAsync(new("e", "2"), default)).ShouldBe(default);
        (await sut.LoadAsync(new("e", "x", "1"), default)).ShouldBe(default);
        (await sut.LoadAsync(new("unknown", "1"), default)).ShouldBe(default);
        (await sut.LoadLatestAsync("unknown", "", default)).ShouldBe(default);
        (await sut.LoadLatestAsync("e", "x", default)).ShouldBe(default);
        (await sut.ListAsync(All("unknown"), null, default)).ShouldBeEmpty();
        (await sut.GetMarksAsync("unknown", [("", "1")], default)).ShouldBe([null]);
    }

    [Fact]
    public async Task SaveAsync_ExecutionsAndNamespaces_AreIsolated()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("a", "1", state: "a"), 1);
        await SaveAsync(sut, Make("b", "1", state: "b"), 2);
        await SaveAsync(sut, Make("a", "1", "x", "x"), 3);
        await SaveAsync(sut, Make("a", "2", "y", "y"), 4);

        (await IdsAsync(sut, new() { ExecutionId = "b" })).ShouldBe("1");
        (await IdsAsync(sut, new() { ExecutionId = "a", Namespace = "y" })).ShouldBe("2");
        (await sut.ListAsync(All("a"), null, default)).Select(item => Decode(item).Namespace).ShouldBe(["y", "x", ""]);
        Decode((await sut.LoadAsync(new("a", "x", "1"), default)).Checkpoint).State.ToArray().ShouldBe("x"u8.ToArray());
        (await LatestAsync(sut, "a")).ShouldBe("1");
    }

    [Fact]
    public async Task Create_TwoNames_AreIsolated()
    {
        var a = await CreateSut("a");
        var b = await CreateSut("b");
        await SaveAsync(a, Make("e", "1"));
        await b.DeleteAsync(new("e", "1"), 5, false, Hour, default);

        (await StatusAsync(a, new("e", "1"))).ShouldBe(CacheReadStatus.Found);
        (await StatusAsync(b, new("e", "1"))).ShouldBe(CacheReadStatus.Deleted);
        (await b.ListExecutionsAsync("", null, 10, default)).ShouldBeEmpty();
        (await PendingAsync(a)).ShouldHaveSingleItem().Mark.Kind.ShouldBe(PendingKind.Save);
        (await PendingAsync(b)).ShouldHaveSingleItem().Mark.Kind.ShouldBe(PendingKind.Delete);
    }

    [Fact]
    public async Task SaveAsync_SameContentAgain_IsUnchanged()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 5);
        await SaveAsync(sut, Make("e", "2"), 6);

        var again = await SaveAsync(sut, Make("e", "1") with { CreatedAt = SomeTime.AddDays(1) }, 9, expected: "other");

        again.ShouldBe(new CacheSave(5, true, false, null));
        (await IdsAsync(sut, All("e"))).ShouldBe("2,1");
        (await PendingAsync(sut)).Count.ShouldBe(2);
    }

    [Fact]
    public async Task SaveAsync_OtherContent_TakesNewPlaceAtTheEnd()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1", state: "old"), 5);
        await SaveAsync(sut, Make("e", "2"), 6);

        (await SaveAsync(sut, Make("e", "1", state: "new"), 3)).Sequence.ShouldBe(7);

        (await IdsAsync(sut, All("e"))).ShouldBe("1,2");
        Decode((await sut.LoadLatestAsync("e", "", default)).Checkpoint).State.ToArray().ShouldBe("new"u8.ToArray());
    }

    [Fact]
    public async Task SaveAsync_ProposedSequence_IsTheLeast()
    {
        var sut = await CreateSut();
        (await SaveAsync(sut, Make("e", "1"), 100)).Sequence.ShouldBe(100);
        (await SaveAsync(sut, Make("e", "2"), 100)).Sequence.ShouldBe(101);
        (await SaveAsync(sut, Make("e", "3"), 50)).Sequence.ShouldBe(102);
        (await SaveAsync(sut, Make("e", "4"), 9_000_000_000_000_000)).Sequence.ShouldBe(9_000_000_000_000_000);
        (await SaveAsync(sut, Make("e", "5"), 1)).Sequence.ShouldBe(9_000_000_000_000_001);
        (await SaveAsync(sut, Make("e", "1", "other"), 1)).Sequence.ShouldBe(1);
        (await IdsAsync(sut, new() { ExecutionId = "e", OldestFirst = true })).ShouldBe("1,2,3,4,5");
    }

    [Fact]
    public async Task SaveAsync_ManyExecutions_KeepsAll()
    {
        var sut = await CreateSut();
        for (var round = 0; round < 50; round++)
        {
            var saves = Enumerable.Range(0, 1000).Select(e => SaveAsync(sut, Make($"execution-{e:D4}", $"{round:D2}"), (round * 1000) + e + 1));
            (await Task.WhenAll(saves)).ShouldAllBe(save => !save.Unchanged && !save.IsConflict);
        }

        var names = Enumerable.Range(0, 1000).Select(e => $"execution-{e:D4}").ToList();
        (await sut.ListExecutionsAsync("execution-", null, 2000, default)).ShouldBe(names);
        (await sut.GetPendingStatsAsync(default)).Count.ShouldBe(50_000);
        foreach (var e in new[] { 0, 1, 500, 999 })
        {
            (await sut.ListAsync(All(names[e]), null, default)).Select(item => item.Sequence)
                .ShouldBe(Enumerable.Range(0, 50).Reverse().Select(round => (round * 1000L) + e + 1));
            (await LatestAsync(sut, names[e])).ShouldBe("49");
        }
    }

    [Theory]
    [InlineData("x", false)]
    [InlineData("", true)]
    public async Task SaveAsync_ExpectedLatestOfEmptyStream_IsChecked(string expected, bool succeeds)
    {
        var sut = await CreateSut();
        (await SaveAsync(sut, Make("e", "1"), 5, expected: expected)).ShouldBe(succeeds ? new(5, false, false, null) : new(0, false, true, null));
        (await StatusAsync(sut, new("e", "1"))).ShouldBe(succeeds ? CacheReadStatus.Found : CacheReadStatus.Unknown);
        (await PendingAsync(sut)).Count.ShouldBe(succeeds ? 1 : 0);
    }

    [Fact]
    public async Task SaveAsync_ExpectedLatestIsNotTheLatest_IsConflict()
    {
        var sut = await CreateSut();
        await SaveAsync(sut, Make("e", "1"), 5);
        await SaveAsync(sut, Make("e", "2"), 6, expected: "1");

        (await SaveAsync(sut, Make("e", "3"), 7, expected: "1")).ShouldBe(new(0, false, true, "2"));
        (await SaveAsync(sut, Make("e", "3"), 7, expected: "")).ShouldBe(new(0, false, true, "2"));

        (await IdsAsync(sut, All("e"))).ShouldBe("2,1");
        await sut.DeleteAsync(new("e", "2"), 0, false, Hour, default);
        (await SaveAsync(sut, Make("e", "3"), 7, expected: "1")).Sequence.ShouldBe(8);
    }

    [Fact]
    public async Task SaveAsync_TwoWritersRace_OneWinsEachRound()
    {
        var sut = await CreateSut();
        var other = Another(sut);
        var latest = "";
        for (var round = 0; round < 1000; round++)
        {
            string[] ids = [string.Create(CultureInfo.InvariantCulture, $"a{round}"), string.Create(CultureInfo.InvariantCulture, $"b{round}")];
            var saves = await Task.WhenAll(
                Task.Run(() => SaveAsync(sut, Make("e", ids[0]), expected: latest)), Task.Run(() => SaveAsync(other, Make("e", ids[1]), expected: latest)));

            saves.Count(save => !save.IsConflict).ShouldBe(1, $"round {round}");
            var winner = saves[0].IsConflict ? 1 : 0;
            saves[1 - winner].ActualLatestId.ShouldBe(ids[winner]);
            latest = ids[winner];
        }

        (await sut.ListAsync(All("e"), null, default)).Count.ShouldBe(1000);
    }

    [Fact]
    public async Task Calls_Cancelled_Throw()
    {
        var sut = await CreateSut();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => sut.SaveAsync(CheckpointCodec.Encode(Make("e", "1")), 1, default, null, cancelled.Token));
        await Should.ThrowAsync<OperationCanceledException>(() => sut.LoadLatestAsync("e", "", cancelled.Token));
        await Should.ThrowAsync<OperationCanceledException>(() => sut.ListAsync(All("e"), null, cancelled.Token));
        (await StatusAsync(sut, new("e", "1"))).ShouldBe(CacheReadStatus.Unknown);
    }

    [Fact]
    public async Task TryLeaseAsync_Held_IsRefusedUntilItEnds()
    {
        var sut = await CreateSut();
        (await sut.TryLeaseAsync("shard-1", "a", TimeSpan.FromSeconds(5), default)).ShouldBeTrue();
        (await sut.TryLeaseAsync("shard-1", "b", Hour, default)).ShouldBeFalse();
        (await sut.TryLeaseAsync("shard-2", "b", Hour, default)).ShouldBeTrue();
        (await sut.TryLeaseAsync("shard-1", "a", TimeSpan.FromSeconds(5), default)).ShouldBeTrue();

        await UntilAsync(() => sut.TryLeaseAsync("shard-1", "b", Hour, default));

        (await sut.TryLeaseAsync("shard-1", "a", Hour, default)).ShouldBeFalse();
    }
}
