using AsyncCheckpoints.Worker.Storage;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

public abstract partial class ArchiveConformanceTests
{
    [Fact]
    public async Task CommitAsync_TombstoneOfOne_ExcludesOnlyThat()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "1", 1), Make("e", "2", 2), Make("e", "1", 3, "x"), Make("f", "1", 1));

        (await DeleteAsync(sut, new Tombstone("e", "", "1", 2, false))).ShouldBe(new ArchiveCommit(0, 1, 0));

        (await IdsAsync(sut, All("e"))).ShouldBe("1,2");
        (await IdsAsync(sut, All("f"))).ShouldBe("1");
    }

    [Fact]
    public async Task CommitAsync_TombstoneOfNamespace_ExcludesOnlyThat()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "1", 1), Make("e", "2", 2, "x"), Make("e", "3", 9, "x"));

        (await DeleteAsync(sut, new Tombstone("e", "x", null, 5, false))).Deleted.ShouldBe(1);
        await CommitAsync(sut, Make("e", "4", 5, "x"), Make("e", "5", 5));

        (await IdsAsync(sut, All("e"))).ShouldBe("3,5,1");
    }

    [Fact]
    public async Task CommitAsync_TombstoneOfExecution_ExcludesAllAtOrBelow()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "1", 1), Make("e", "2", 2, "x"), Make("e", "3", 3, "y"), Make("f", "1", 1));

        (await DeleteAsync(sut, new Tombstone("e", null, null, 2, false))).Deleted.ShouldBe(2);

        (await IdsAsync(sut, All("e"))).ShouldBe("3");
        (await IdsAsync(sut, All("f"))).ShouldBe("1");
    }

    [Fact]
    public async Task CommitAsync_Unknown_TombstoneIsNoError()
    {
        var sut = await CreateSut();
        (await DeleteAsync(sut, new("e", "", "1", 5, false), new("f", null, null, 5, false))).ShouldBe(default);
        (await ClaimAllAsync(sut)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CommitAsync_LateSave_IsDiscardedAndNewerIsWelcome(bool wholeExecution)
    {
        var sut = await CreateSut();
        await DeleteAsync(sut, wholeExecution ? new Tombstone("e", null, null, 5, false) : new Tombstone("e", "", "1", 5, false));
        // A lower tombstone that comes later lowers nothing.
        await DeleteAsync(sut, wholeExecution ? new Tombstone("e", null, null, 3, false) : new Tombstone("e", "", "1", 3, false));

        (await CommitAsync(sut, Make("e", "1", 4))).Archived.ShouldBe(0);
        (await CommitAsync(sut, Make("e", "1", 5))).Archived.ShouldBe(0);
        (await FindAsync(sut, All("e"))).Items.ShouldBeEmpty();
        (await ClaimAllAsync(sut)).ShouldBeEmpty();
        (await CommitAsync(sut, Make("e", "1", 6))).Archived.ShouldBe(1);
        (await IdsAsync(sut, All("e"))).ShouldBe("1");
    }

    [Fact]
    public async Task CommitAsync_TombstoneAndSavesInOneBatch_TombstoneAppliesFirst()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "old", 1));

        var commit = await sut.CommitAsync(
            Batch(
                Command("a", Make("e", "late", 5), Make("e", "new", 6)),
                new ArchiveCommand("b", [], [new("e", null, null, 5, false), new("e", "", "old", 4, false), new("e", null, null, 4, true)])),
            default);

        commit.ShouldBe(new ArchiveCommit(1, 1, 0));
        (await IdsAsync(sut, All("e"))).ShouldBe("new");
        var entries = await ClaimAllAsync(sut);
        var last = entries.Where(e => e.Kind == OutboxKind.Events).Last().Changes;
        last.ShouldBe([new(true, "e", null, null, 5, ""), new(true, "e", "", "old", 4, ""), new(false, "e", "", "new", 6, "")]);
        entries.Single(e => e.Kind == OutboxKind.Cache).Changes.ShouldBe([new(true, "e", null, null, 5, "")]);
    }

    [Fact]
    public async Task ListTombstonesAsync_Pages_GivesEachOnceByKey()
    {
        var sut = await CreateSut();
        Tombstone[] all =
        [
            new("e", null, null, 4, true), new("e", "", null, 3, true), new("e", "x", null, 9, true), new("e", "", "1", 2, true), new("e", "x", "1", 2, true),
            new("f", null, null, 7, true),
        ];
        await DeleteAsync(sut, [.. all.Reverse(), new Tombstone("other", null, null, 1, false)]);

        var found = new List<Tombstone>();
        while (await sut.ListTombstonesAsync("", found.LastOrDefault(), 2, default) is { Count: > 0 } page)
        {
            found.AddRange(page);
        }

        found.ShouldBe([.. all, new Tombstone("other", null, null, 1, true)]);
        (await sut.ListTombstonesAsync("f", null, 10, default)).ShouldBe([all[5]]);
    }

    [Fact]
    public async Task ListTombstonesSinceAsync_Pages_GivesTheYoungOnesByKey()
    {
        var sut = await CreateSut();
        await DeleteAsync(sut, new Tombstone("old", null, null, 1, false));
        await ExecuteAsync($"UPDATE {{tables}}tombstones SET created_at = {Past}");
        Tombstone[] young = [new("a", null, null, 4, true), new("old", "", "1", 3, true), new("z", "x", "1", 2, true)];
        await DeleteAsync(sut, [.. young.Reverse()]);

        var found = new List<Tombstone>();
        while (await sut.ListTombstonesSinceAsync(TimeProvider.System.GetUtcNow().AddHours(-1), found.LastOrDefault(), 2, default) is { Count: > 0 } page)
        {
            found.AddRange(page);
        }

        found.ShouldBe(young);
    }

    [Fact]
    public async Task CommitAsync_DeadCommandsTombstone_DoesNotApply()
    {
        var sut = await CreateSut();
        var clear = new ArchiveCommand("clear", [], [new("e", null, null, 100, false)]);
        await sut.CommitAsync(Batch(clear), default);
        await CommitAsync(sut, Make("e", "1", 101));

        var again = await sut.CommitAsync(Batch(clear with { Tombstones = [new("e", null, null, 200, false)] }, Command("n", Make("e", "2", 102))), default);

        again.ShouldBe(new ArchiveCommit(1, 0, 1));
        (await IdsAsync(sut, All("e"))).ShouldBe("2,1");
    }

    [Fact]
    public async Task CommitAsync_SaversAgainstClearers_LeaveNothingBelowTheTombstone()
    {
        var sut = await CreateSut();
        const int rounds = 300;
        for (var round = 0; round < rounds; round++)
        {
            var execution = $"e{round % 3}";
            var top = (round * 10L) + 5;
            var work = Enumerable.Range(1, 8).Select(i => RetryAsync(() => CommitAsync(sut, Make(execution, $"{round}-{i}", top - 4 + i))))
                .Append(RetryAsync(() => DeleteAsync(sut, new Tombstone(execution, null, null, top, false))));

            await Task.WhenAll(work);

            var left = (await FindAsync(sut, All(execution) with { OldestFirst = true })).Items;
            left.Select(c => c.Sequence).ShouldBe([top + 1, top + 2, top + 3, top + 4], $"round {round}");
        }
    }

    [Fact]
    public async Task CommitAsync_OverlappingBatchesAtOnce_NeverDeadlock()
    {
        var sut = await CreateSut();
        var tasks = Enumerable.Range(0, 8).Select(task => Task.Run(async () =>
        {
            var random = new Random(task);
            for (var round = 0; round < 30; round++)
            {
                var commands = Enumerable.Range(0, 40).Select(_ => Command(
                    random.Next(4) == 0 ? null : $"shared-{random.Next(500)}",
                    Make($"e{random.Next(20)}", $"{random.Next(20)}", random.Next(1, 1000), $"{random.Next(3)}")));
                var tombstones = random.Next(4) > 0 ? [] : Enumerable.Range(0, 5).Select(_ => random.Next(2) == 0
                    ? new Tombstone($"e{random.Next(20)}", null, null, random.Next(100), false)
                    : new Tombstone($"e{random.Next(20)}", $"{random.Next(3)}", $"{random.Next(20)}", random.Next(100), false)).ToArray();
                var batch = new ArchiveBatch(
                    [.. commands, new ArchiveCommand($"t{task}-{round}", [], tombstones)], [new($"d{random.Next(50)}", "r", "t", default, null)]);
                await RetryAsync(() => sut.CommitAsync(batch, default));
            }
        }));

        await Task.WhenAll(tasks);
    }

    // As the worker does: a commit waits a second for its locks, and when the disk stands still that is too short. A deadlock fails.
    private static Task RetryAsync(Func<Task> commit) => Task.Run(async () =>
    {
        while (true)
        {
            try
            {
                await commit();
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
            {
            }
        }
    });
}
