using System.Data.Common;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

/// <summary>What every archive does. A class that derives from it says how one is made.</summary>
public abstract partial class ArchiveConformanceTests : IAsyncLifetime
{
    private static readonly DateTimeOffset SomeTime = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);
    private readonly List<IAsyncDisposable> _open = [];
    private int _commands;

    public virtual Task InitializeAsync() => Task.CompletedTask;

    public virtual async Task DisposeAsync()
    {
        foreach (var archive in _open)
        {
            await archive.DisposeAsync();
        }
    }

    /// <summary>An archive over this test's database; another one each time, over the same data for the same prefix.</summary>
    private protected abstract ICheckpointArchive Create(string prefix = "", TimeProvider? time = null);

    /// <summary>Runs a statement behind the archive's back; {tables} stands for what precedes a table's name.</summary>
    private protected abstract Task<object?> ExecuteAsync(string sql);

    private protected ICheckpointArchive Open(string prefix = "", TimeProvider? time = null)
    {
        var archive = Create(prefix, time);
        _open.Add((IAsyncDisposable)archive);
        return archive;
    }

    private protected async Task<ICheckpointArchive> CreateSut(string prefix = "", TimeProvider? time = null)
    {
        var archive = Open(prefix, time);
        await archive.MigrateAsync(default);
        return archive;
    }

    private protected static Checkpoint Make(string execution, string id, long sequence, string ns = "", string state = "{}", string? metadata = null) => new()
    {
        ExecutionId = execution,
        Namespace = ns,
        Id = id,
        Sequence = sequence,
        State = Encoding.UTF8.GetBytes(state),
        ContentType = "application/json",
        Metadata = metadata is null ? null : JsonElement.Parse(metadata),
        CreatedAt = SomeTime,
    };

    private protected static ArchiveSave Save(Checkpoint checkpoint, bool uncached = false) =>
        new(checkpoint, SHA256.HashData(checkpoint.State.Span), uncached);

    private protected string NextCommand() => $"command-{Interlocked.Increment(ref _commands)}";

    private protected static ArchiveCommand Command(string? id, params Checkpoint[] checkpoints) =>
        new(id, [.. checkpoints.Select(c => Save(c))], []);

    private protected static ArchiveBatch Batch(params ArchiveCommand[] commands) => new(commands, []);

    private protected Task<ArchiveCommit> CommitAsync(ICheckpointArchive sut, params Checkpoint[] checkpoints) =>
        sut.CommitAsync(Batch(Command(NextCommand(), checkpoints)), default);

    private protected Task<ArchiveCommit> DeleteAsync(ICheckpointArchive sut, params Tombstone[] tombstones) =>
        sut.CommitAsync(Batch(new ArchiveCommand(NextCommand(), [], tombstones)), default);

    private protected static Task<ArchivePage> FindAsync(ICheckpointArchive sut, CheckpointQuery query, ListPosition? after = null, long maxBytes = long.MaxValue) =>
        sut.FindAsync(query, null, after, maxBytes, default);

    private protected static async Task<string> IdsAsync(ICheckpointArchive sut, CheckpointQuery query) =>
        string.Join(',', (await FindAsync(sut, query)).Items.Select(c => c.Id));

    private protected static CheckpointQuery All(string execution) => new() { ExecutionId = execution, Namespace = null, Limit = 1000 };

    private protected static async Task<IReadOnlyList<OutboxEntry>> ClaimAllAsync(ICheckpointArchive sut) =>
    [
        .. await sut.ClaimOutboxAsync("test", OutboxKind.Events, TimeSpan.FromHours(1), 100_000, default),
        .. await sut.ClaimOutboxAsync("test", OutboxKind.Cache, TimeSpan.FromHours(1), 100_000, default),
    ];

    [Fact]
    public async Task FindAsync_AfterCommit_RoundTripsEveryField()
    {
        var sut = await CreateSut();
        var saved = new Checkpoint
        {
            ExecutionId = "exécution 😀 'quoted' \"x\" %_",
            Namespace = "ns/子|🜁",
            Id = "id; DROP TABLE checkpoints; --",
            ParentId = "parent 😀",
            Sequence = long.MaxValue,
            NodeName = "node ☃",
            Version = long.MinValue,
            State = new byte[] { 0, 1, 255, 0 },
            ContentType = "application/x-thing; v=\"1\"",
            Metadata = JsonElement.Parse("""{"a":1,"ü":"\u0001😀\"","n":{"x":[1.50,null,true]}}"""),
            CreatedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)).AddMicroseconds(123457),
        };
        (await CommitAsync(sut, saved)).ShouldBe(new ArchiveCommit(1, 0, 0));

        var page = await FindAsync(sut, All(saved.ExecutionId));

        page.HasMore.ShouldBeFalse();
        var found = page.Items.ShouldHaveSingleItem();
        found.State.ToArray().ShouldBe(saved.State.ToArray());
        JsonElement.DeepEquals(found.Metadata!.Value, saved.Metadata!.Value).ShouldBeTrue();
        found.CreatedAt.Offset.ShouldBe(TimeSpan.Zero);
        (found with { State = default, Metadata = null }).ShouldBe(saved with { State = default, Metadata = null });
        (await sut.FindAsync(All(saved.ExecutionId) with { IncludeState = false }, saved.Id, null, 1, default))
            .Items.ShouldHaveSingleItem().State.Length.ShouldBe(0);
    }

    [Theory]
    [InlineData("0001-01-01T00:00:00.000000Z")]
    [InlineData("0001-01-01T00:00:00.000001Z")]
    [InlineData("1969-12-31T23:59:59.999999Z")]
    [InlineData("1999-12-31T23:59:59.999999Z")]
    [InlineData("9999-12-31T23:59:59.999999Z")]
    public async Task FindAsync_ExtremeTimes_KeepsMicroseconds(string time)
    {
        var sut = await CreateSut();
        var createdAt = DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture);
        await CommitAsync(sut, Make("e", "1", 1) with { CreatedAt = createdAt });

        (await FindAsync(sut, All("e"))).Items[0].CreatedAt.ShouldBe(createdAt);
    }

    [Fact]
    public async Task FindAsync_AnyBytes_ReturnsThemExactly()
    {
        var sut = await CreateSut();
        var random = new byte[16 * 1024 * 1024];
        new Random(1).NextBytes(random);
        byte[][] states =
        [
            [], [0], Encoding.UTF8.GetBytes("""{ "a" : 1.0,  "a":2 }"""), Encoding.UTF8.GetBytes("\0nul\0😀🜁\uFEFF"),
            random[..1000], random[..3000], random[..100_000], random, new byte[70_000],
        ];
        await CommitAsync(sut, [.. states.Select((s, i) => Make("e", $"{i}", i + 1) with { State = s })]);
        // Memory that is a part of its array.
        await CommitAsync(sut, Make("e", "slice", 99) with { State = random.AsMemory(7, 500) });

        var found = (await FindAsync(sut, All("e") with { OldestFirst = true })).Items;

        found.Count.ShouldBe(states.Length + 1);
        for (var i = 0; i < states.Length; i++)
        {
            found[i].State.Span.SequenceEqual(states[i]).ShouldBeTrue($"state {i}");
        }

        found[^1].State.Span.SequenceEqual(random.AsSpan(7, 500)).ShouldBeTrue();
    }

    [Fact]
    public async Task FindAsync_Unknown_IsEmpty()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "1", 1));

        (await FindAsync(sut, All("unknown"))).Items.ShouldBeEmpty();
        (await sut.FindAsync(All("e"), "unknown", null, 1, default)).ShouldSatisfyAllConditions(p => p.Items.ShouldBeEmpty(), p => p.HasMore.ShouldBeFalse());
    }

    [Fact]
    public async Task FindAsync_TwoExecutionsAndNamespaces_AreIsolated()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("a", "1", 1), Make("b", "1", 2), Make("a", "1", 3, "x"), Make("a", "2", 4, "y"));

        (await IdsAsync(sut, new() { ExecutionId = "b" })).ShouldBe("1");
        (await IdsAsync(sut, new() { ExecutionId = "a" })).ShouldBe("1");
        (await IdsAsync(sut, new() { ExecutionId = "a", Namespace = "y" })).ShouldBe("2");
        (await FindAsync(sut, All("a"))).Items.Select(c => c.Namespace).ShouldBe(["y", "x", ""]);
        (await sut.FindAsync(All("a"), "1", null, long.MaxValue, default)).Items.Select(c => c.Namespace).ShouldBe(["x", ""]);
    }

    [Fact]
    public async Task CommitAsync_SameIdAgain_HighestSequenceStays()
    {
        var sut = await CreateSut();
        (await CommitAsync(sut, Make("e", "1", 5, state: "5"))).Archived.ShouldBe(1);
        (await CommitAsync(sut, Make("e", "1", 5, state: "equal"))).Archived.ShouldBe(0);
        (await CommitAsync(sut, Make("e", "1", 4, state: "lower"))).Archived.ShouldBe(0);
        (await FindAsync(sut, All("e"))).Items[0].State.ToArray().ShouldBe("5"u8.ToArray());
        (await CommitAsync(sut, Make("e", "1", 6, state: "6") with { NodeName = "n", ParentId = "p", Version = 9 })).Archived.ShouldBe(1);

        var found = (await FindAsync(sut, All("e"))).Items.ShouldHaveSingleItem();
        found.ShouldSatisfyAllConditions(
            c => c.State.ToArray().ShouldBe("6"u8.ToArray()), c => c.NodeName.ShouldBe("n"), c => c.ParentId.ShouldBe("p"), c => c.Version.ShouldBe(9));
    }

    [Fact]
    public async Task CommitAsync_SameIdTwiceInBatch_HighestSequenceStays()
    {
        var sut = await CreateSut();

        var commit = await sut.CommitAsync(
            Batch(Command("a", Make("e", "1", 2, state: "2"), Make("e", "1", 3, state: "3")), Command("b", Make("e", "1", 1, state: "1"))), default);

        commit.ShouldBe(new ArchiveCommit(1, 0, 0));
        (await FindAsync(sut, All("e"))).Items.ShouldHaveSingleItem().State.ToArray().ShouldBe("3"u8.ToArray());
    }

    /// <summary>As a save that was too large: its message is known and the save is not archived, whatever came of the bound since.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CommitAsync_SameIdInCommandSeenBefore_TakesNothingFromANewOne(bool isRescued)
    {
        var sut = await CreateSut();
        var letter = new DeadLetter("b:0", "too large", "", new byte[] { 1 }, "e");
        await sut.CommitAsync(new ArchiveBatch([Command("b")], [letter]), default);

        var commit = await sut.CommitAsync(
            Batch(Command("b", Make("e", "1", 9, state: "9")), Command(isRescued ? null : "a", Make("e", "1", 5, state: "5"))), default);

        commit.ShouldBe(new ArchiveCommit(1, 0, 1));
        (await FindAsync(sut, All("e"))).Items.ShouldHaveSingleItem().State.ToArray().ShouldBe("5"u8.ToArray());
    }

    [Fact]
    public async Task CommitAsync_OutOfOrder_KeepsLatest()
    {
        var sut = await CreateSut();
        foreach (var sequence in new long[] { 3, 1, 5, 2, 4 })
        {
            await CommitAsync(sut, Make("e", $"{sequence}", sequence));
        }

        (await IdsAsync(sut, new() { ExecutionId = "e", Limit = 1 })).ShouldBe("5");
        (await IdsAsync(sut, All("e"))).ShouldBe("5,4,3,2,1");
        (await IdsAsync(sut, All("e") with { OldestFirst = true })).ShouldBe("1,2,3,4,5");
        (await IdsAsync(sut, new() { ExecutionId = "e", AfterSequence = 1, BeforeSequence = 4 })).ShouldBe("3,2");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CommitAsync_CommandTwice_HasOneEffect(bool withDeletion)
    {
        var sut = await CreateSut();
        Tombstone[] tombstones = withDeletion ? [new("other", null, null, 1, true)] : [];
        var command = new ArchiveCommand("c", [Save(Make("e", "1", 1), uncached: true)], tombstones);
        (await sut.CommitAsync(Batch(command), default)).SeenBefore.ShouldBe(0);
        var first = await ClaimAllAsync(sut);

        var again = await sut.CommitAsync(Batch(command with { Saves = [Save(Make("e", "1", 9), uncached: true), Save(Make("e", "2", 9))] }), default);

        again.ShouldBe(new ArchiveCommit(0, 0, 1));
        (await FindAsync(sut, All("e"))).Items.ShouldHaveSingleItem().Sequence.ShouldBe(1);
        first.Count.ShouldBe(2);
        (await ClaimAllAsync(sut)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CommitAsync_CommandTwiceInBatch_HasOneEffect(bool withDeletion)
    {
        var sut = await CreateSut();
        var command = new ArchiveCommand("c", [Save(Make("e", "1", 1))], withDeletion ? [new("other", null, null, 1, false)] : []);

        var commit = await sut.CommitAsync(Batch(command, command, Command(null, Make("e", "2", 2)), Command(null, Make("e", "3", 3))), default);

        commit.ShouldBe(new ArchiveCommit(3, 0, 1));
    }

    [Fact]
    public async Task CommitAsync_Empty_DoesNothing()
    {
        var sut = await CreateSut();
        (await sut.CommitAsync(Batch(), default)).ShouldBe(default);
        (await sut.CommitAsync(Batch(new ArchiveCommand("c", [], [])), default)).ShouldBe(default);
        (await sut.CommitAsync(Batch(new ArchiveCommand("c", [], [])), default)).SeenBefore.ShouldBe(1);
        (await ClaimAllAsync(sut)).ShouldBeEmpty();
    }

    [Fact]
    public async Task CommitAsync_OneRowIsImpossible_LeavesNothing()
    {
        var sut = await CreateSut();
        await ExecuteAsync("CREATE UNIQUE INDEX only_one ON {tables}dead_letters (reason)");
        var batch = new ArchiveBatch(
            [Command("c", Make("e", "1", 1))], [new("a", "same", "t", default, null), new("b", "same", "t", default, null)]);

        await Should.ThrowAsync<Exception>(() => sut.CommitAsync(batch, default));

        (await FindAsync(sut, All("e"))).Items.ShouldBeEmpty();
        (await ClaimAllAsync(sut)).ShouldBeEmpty();
        (await sut.ListDeadLettersAsync(null, 10, true, default)).ShouldBeEmpty();
        (await sut.CommitAsync(batch with { DeadLetters = [] }, default)).ShouldBe(new ArchiveCommit(1, 0, 0));
    }

    [Fact]
    public async Task CommitAsync_Cancelled_LeavesNothing()
    {
        var sut = await CreateSut();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => sut.CommitAsync(Batch(Command("c", Make("e", "1", 1))), cancelled.Token));

        (await FindAsync(sut, All("e"))).Items.ShouldBeEmpty();
        (await sut.CommitAsync(Batch(Command("c", Make("e", "1", 1))), default)).Archived.ShouldBe(1);
    }

    [Fact]
    public async Task CommitAsync_ManyExecutions_KeepsAll()
    {
        var sut = await CreateSut();
        for (var batch = 0; batch < 50; batch++)
        {
            var checkpoints = Enumerable.Range(0, 1000).Select(e => Make($"execution-{e:D4}", $"{batch:D2}", (batch * 1000) + e));
            (await CommitAsync(sut, [.. checkpoints])).Archived.ShouldBe(1000);
        }

        (await sut.FindExecutionsAsync("execution-", null, 2000, default)).Count.ShouldBe(1000);
        foreach (var e in new[] { 0, 1, 500, 999 })
        {
            var found = (await FindAsync(sut, All($"execution-{e:D4}"))).Items;
            found.Select(c => c.Sequence).ShouldBe(Enumerable.Range(0, 50).Reverse().Select(b => (b * 1000L) + e));
        }
    }

    [Fact]
    public async Task PingAsync_Migrated_Answers() => await (await CreateSut()).PingAsync(default);

    [Fact]
    public async Task ProbeAsync_BesideOthers_LeavesNothing()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "a", 1));
        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => sut.ProbeAsync(default)));
        foreach (var (table, rows) in new[] { ("inbox", 1), ("checkpoints", 1), ("tombstones", 0), ("dead_letters", 0), ("outbox", 1) })
        {
            (await ExecuteAsync($"SELECT count(*) FROM {{tables}}{table}")).ShouldBe((long)rows, table);
        }
    }

    [Theory]
    [InlineData("inbox")]
    [InlineData("checkpoints")]
    [InlineData("tombstones")]
    [InlineData("dead_letters")]
    [InlineData("outbox")]
    public async Task ProbeAsync_OneTableTakesNoWrites_Throws(string table)
    {
        var sut = await CreateSut();
        await ExecuteAsync($"ALTER TABLE {{tables}}{table} RENAME TO gone");
        await Should.ThrowAsync<DbException>(() => sut.ProbeAsync(default));
    }
}
