using System.Data.Common;
using AsyncCheckpoints.Worker;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Retention;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

public abstract partial class ArchiveConformanceTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    /// <summary>Makes the leases and delays of the outbox end.</summary>
    private protected Task ExpireLeasesAsync() => ExecuteAsync($"UPDATE {{tables}}outbox SET due_at = {Past}");

    /// <summary>SQL for a moment long ago.</summary>
    private protected abstract string Past { get; }

    [Fact]
    public async Task CommitAsync_Changes_AreInOneEventsEntry()
    {
        var sut = await CreateSut();
        await sut.CommitAsync(Batch(Command("a", Make("e", "2", 2) with { NodeName = "plan \"x\"😀" }, Make("e", "1", 1)), Command(null, Make("f", "1", long.MaxValue, "n"))), default);
        await CommitAsync(sut, Make("e", "1", 1));

        var entry = (await ClaimAllAsync(sut)).ShouldHaveSingleItem();

        entry.Kind.ShouldBe(OutboxKind.Events);
        entry.Attempts.ShouldBe(1);
        entry.Changes.ShouldBe(
            [new(false, "e", "", "1", 1, ""), new(false, "e", "", "2", 2, "plan \"x\"😀"), new(false, "f", "n", "1", long.MaxValue, "")]);
    }

    [Fact]
    public async Task CommitAsync_Uncached_IsInACacheEntry()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "newer", 9));
        await DeleteAsync(sut, new Tombstone("dead", null, null, 5, false));
        await ClaimAllAsync(sut);

        await sut.CommitAsync(
            Batch(new ArchiveCommand(
                "c", [Save(Make("e", "newer", 5), true), Save(Make("e", "1", 10), true), Save(Make("e", "2", 11)), Save(Make("dead", "1", 5), true)], [])),
            default);
        await DeleteAsync(sut, new("gone", "", "1", 3, true), new("gone", "", "2", 3, false));

        var entries = await ClaimAllAsync(sut);
        entries.Count.ShouldBe(3);
        entries.Single(e => e.Kind == OutboxKind.Events).Changes.Select(c => c.Id).ShouldBe(["1", "2"]);
        var cached = entries.Where(e => e.Kind == OutboxKind.Cache).ToArray();
        cached[0].Changes.Select(c => (c.ExecutionId, c.Id, c.IsDeletion)).ShouldBe([("e", "1", false), ("e", "newer", false)]);
        cached[1].Changes.ShouldBe([new(true, "gone", "", "1", 3, "")]);
    }

    [Fact]
    public async Task ListChangesAsync_DeliveredOrNot_GivesTheNewestFirst()
    {
        var sut = await CreateSut();
        (await sut.GetClockAsync(default)).NewestChange.ShouldBe(0);
        await CommitAsync(sut, Make("e", "1", 1));
        await ExecuteAsync($"UPDATE {{tables}}outbox SET created_at = {Past}");
        await DeliverAsync(sut, OutboxKind.Events);
        await CommitAsync(sut, Make("e", "2", 2));
        await CommitAsync(sut, Make("e", "3", 3));

        var first = await sut.ListChangesAsync(null, 2, default);
        var rest = await sut.ListChangesAsync(first[^1].Id, 2, default);
        var (now, newest) = await sut.GetClockAsync(default);

        first.Select(row => row.Changes.ShouldHaveSingleItem().Id).ShouldBe(["3", "2"]);
        first.ShouldAllBe(row => row.CreatedAt <= now && row.CreatedAt > now.AddMinutes(-1));
        newest.ShouldBe(first[0].Id);
        rest.ShouldHaveSingleItem().Changes.ShouldBe([new(false, "e", "", "1", 1, "")]);
        rest[0].CreatedAt.ShouldBe(DateTimeOffset.UnixEpoch);
    }

    [Fact]
    public async Task ListRepairsSinceAsync_Pages_GivesOlderOnesDeliveredSince()
    {
        var sut = await CreateSut();
        await SaveUncachedAsync("old");
        await DeliverAsync(sut, OutboxKind.Cache);
        await ExecuteAsync($"UPDATE {{tables}}outbox SET delivered_at = {Past} WHERE kind = 2");
        await SaveUncachedAsync("1");
        await SaveUncachedAsync("2");
        await SaveUncachedAsync("3");
        await ExecuteAsync($"UPDATE {{tables}}outbox SET created_at = {Past}");
        await SaveUncachedAsync("among the changes since");
        await DeliverAsync(sut, OutboxKind.Cache);
        await DeliverAsync(sut, OutboxKind.Events);
        await SaveUncachedAsync("not yet delivered");

        var since = TimeProvider.System.GetUtcNow().AddHours(-1);
        var first = await sut.ListRepairsSinceAsync(since, null, 2, default);
        var rest = await sut.ListRepairsSinceAsync(since, first[^1].Id, 2, default);

        first.Concat(rest).Select(row => row.Changes.ShouldHaveSingleItem().Id).ShouldBe(["3", "2", "1"]);

        Task SaveUncachedAsync(string id) => sut.CommitAsync(Batch(new ArchiveCommand(id, [Save(Make("e", id, id.Length), true)], [])), default);
    }

    private static async Task DeliverAsync(ICheckpointArchive sut, OutboxKind kind) =>
        await sut.MarkDeliveredAsync("w", [.. (await sut.ClaimOutboxAsync("w", kind, Lease, 9, default)).Select(entry => entry.Id)], default);

    [Fact]
    public async Task ClaimOutboxAsync_TwoOwners_ShareTheEntries()
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 5; i++)
        {
            await CommitAsync(sut, Make("e", $"{i}", i));
        }

        var a = await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 3, default);
        var b = await sut.ClaimOutboxAsync("b", OutboxKind.Events, Lease, 10, default);

        a.Select(e => e.Changes[0].Id).ShouldBe(["1", "2", "3"]);
        b.Select(e => e.Changes[0].Id).ShouldBe(["4", "5"]);
        (await sut.GetOutboxStatsAsync(default)).Pending.ShouldBe(5);
        (await sut.HasOutboxAsync(OutboxKind.Events, default)).ShouldBeTrue();
        (await sut.HasOutboxAsync(OutboxKind.Cache, default)).ShouldBeFalse();
        (await sut.MarkDeliveredAsync("b", [.. a.Select(e => e.Id)], default)).ShouldBe(0);
        (await sut.MarkDeliveredAsync("a", [.. a.Select(e => e.Id)], default)).ShouldBe(3);
        (await sut.MarkDeliveredAsync("a", [.. a.Select(e => e.Id)], default)).ShouldBe(0);
        var stats = await sut.GetOutboxStatsAsync(default);
        stats.Pending.ShouldBe(2);
        stats.OldestAge.ShouldBeGreaterThanOrEqualTo(TimeSpan.Zero);
        await sut.MarkDeliveredAsync("b", [.. b.Select(e => e.Id)], default);
        (await sut.GetOutboxStatsAsync(default)).ShouldBe(default);
        (await sut.HasOutboxAsync(OutboxKind.Events, default)).ShouldBeFalse();
    }

    [Fact]
    public async Task ClaimOutboxAsync_ManyOfTheOtherKindAhead_FindsItsOwn()
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 70; i++)
        {
            await DeleteAsync(sut, new Tombstone("gone", "", $"{i}", i, true));
        }

        await CommitAsync(sut, Make("e", "1", 1));
        var events = await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 100, default);
        events[^1].Changes[0].ExecutionId.ShouldBe("e");
        events.ShouldAllBe(e => e.Kind == OutboxKind.Events);
        var repairs = await sut.ClaimOutboxAsync("a", OutboxKind.Cache, Lease, 64, default);
        repairs.Count.ShouldBe(64);
        repairs.ShouldAllBe(e => e.Kind == OutboxKind.Cache);

        // What failed is due again before what came later.
        await sut.ReleaseOutboxAsync("a", [.. repairs.Select(e => e.Id)], TimeSpan.Zero, "Redis away", default);
        await CommitAsync(sut, Make("e", "2", 2));
        (await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 64, default)).ShouldHaveSingleItem().Changes[0].Id.ShouldBe("2");
        (await sut.ClaimOutboxAsync("b", OutboxKind.Cache, Lease, 64, default)).Select(e => e.Id).ShouldBe(repairs.Select(e => e.Id));
    }

    [Fact]
    public async Task ClaimOutboxAsync_LeaseExpired_GoesToAnother()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "1", 1));
        var a = (await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 1, default)).ShouldHaveSingleItem();
        (await sut.ClaimOutboxAsync("b", OutboxKind.Events, Lease, 1, default)).ShouldBeEmpty();

        await ExpireLeasesAsync();
        var b = (await sut.ClaimOutboxAsync("b", OutboxKind.Events, Lease, 1, default)).ShouldHaveSingleItem();

        b.ShouldSatisfyAllConditions(e => e.Id.ShouldBe(a.Id), e => e.Attempts.ShouldBe(2));
        (await sut.MarkDeliveredAsync("a", [a.Id], default)).ShouldBe(0);
        await sut.ReleaseOutboxAsync("a", [a.Id], TimeSpan.Zero, "not mine", default);
        (await sut.ClaimOutboxAsync("c", OutboxKind.Events, Lease, 1, default)).ShouldBeEmpty();
        (await sut.MarkDeliveredAsync("b", [a.Id], default)).ShouldBe(1);
    }

    [Fact]
    public async Task ReleaseOutboxAsync_Delay_IsDueOnlyBehindIt()
    {
        var sut = await CreateSut();
        await CommitAsync(sut, Make("e", "1", 1));
        var id = (await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 1, default))[0].Id;
        await sut.ReleaseOutboxAsync("a", [id], TimeSpan.Zero, "broker\0 away \uD800", default);
        (await sut.ClaimOutboxAsync("b", OutboxKind.Events, Lease, 1, default)).ShouldHaveSingleItem().Attempts.ShouldBe(2);
        await sut.ReleaseOutboxAsync("b", [id], Lease, "broker away", default);
        (await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 1, default)).ShouldBeEmpty();

        await ExpireLeasesAsync();

        (await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 1, default)).ShouldHaveSingleItem().Attempts.ShouldBe(3);
    }

    [Fact]
    public async Task ClaimOutboxAsync_ManyAtOnce_EachEntryOnce()
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 60; i++)
        {
            await CommitAsync(sut, Make("e", $"{i}", i));
        }

        var claimed = await Task.WhenAll(Enumerable.Range(0, 6).Select(owner => Task.Run(async () =>
        {
            var mine = new List<long>();
            for (var i = 0; i < 10; i++)
            {
                var entries = await sut.ClaimOutboxAsync($"{owner}", OutboxKind.Events, Lease, 2, default);
                mine.AddRange(entries.Select(e => e.Id));
            }

            return mine;
        })));

        var ids = claimed.SelectMany(x => x).Concat((await ClaimAllAsync(sut)).Select(e => e.Id)).ToArray();
        ids.Length.ShouldBe(60);
        ids.Distinct().Count().ShouldBe(60);
    }

    [Fact]
    public async Task CommitAsync_DeadLetterTwice_IsThereOnce()
    {
        var sut = await CreateSut();
        DeadLetter a = new("a", "broken\0 \uD800", "text/plain", "body\0"u8.ToArray(), "e"), b = new("b", "newer", "x", default, null);
        (await sut.CommitAsync(new ArchiveBatch([Command("c", Make("e", "1", 1))], [a]), default)).Archived.ShouldBe(1);
        await sut.CommitAsync(new ArchiveBatch([], [b, a, b]), default);

        var letters = await sut.ListDeadLettersAsync(null, 10, true, default);

        letters.Select(l => l.Letter.Id).ShouldBe(["b", "a"]);
        letters[1].Letter.ShouldSatisfyAllConditions(
            l => l.Reason.ShouldBe("broken\uFFFD \uFFFD"), l => l.ContentType.ShouldBe("text/plain"), l => l.ExecutionId.ShouldBe("e"), l => l.Body.ToArray().ShouldBe("body\0"u8.ToArray()));
        letters[0].Letter.ExecutionId.ShouldBeNull();
        (await sut.ListDeadLettersAsync(letters[0].RowId, 10, true, default)).Select(l => l.Letter.Id).ShouldBe(["a"]);
        (await sut.ListDeadLettersAsync(null, 1, true, default)).Select(l => l.Letter.Id).ShouldBe(["b"]);
        (await sut.ListDeadLettersAsync(null, 10, false, default)).Select(l => (l.BodyBytes, l.Letter.Body.Length)).ShouldBe([(0, 0), (5, 0)]);
    }

    [Fact]
    public async Task PurgeAsync_OldRows_AreRemovedInBatches()
    {
        var sut = await CreateSut();
        for (var i = 1; i <= 25; i++)
        {
            await CommitAsync(sut, Make("e", $"{i}", i));
        }

        await DeleteAsync(sut, [.. Enumerable.Range(1, 7).Select(i => new Tombstone("f", "", $"{i}", 5, false))]);
        var claimed = await sut.ClaimOutboxAsync("a", OutboxKind.Events, Lease, 20, default);
        await sut.MarkDeliveredAsync("a", [.. claimed.Select(e => e.Id)], default);
        TimeSpan day = TimeSpan.FromDays(1), none = TimeSpan.FromDays(-1);

        (await sut.PurgeAsync(new PurgeLimits(day, day, day, 10), default)).ShouldBe(default);
        (await CommitAsync(sut, Make("f", "1", 5))).Archived.ShouldBe(0);
        (await sut.PurgeAsync(new PurgeLimits(none, none, none, 10), default)).ShouldBe(new PurgeResult(27, 20, 7));

        (await sut.GetOutboxStatsAsync(default)).Pending.ShouldBe(5);
        (await CommitAsync(sut, Make("f", "1", 5))).Archived.ShouldBe(1);
        (await FindAsync(sut, All("e"))).Items.Count.ShouldBe(25);
    }

    [Fact]
    public async Task PurgeAsync_OneTableFails_OthersArePurged()
    {
        var sut = await CreateSut();
        await DeleteAsync(sut, new Tombstone("e", "", "1", 5, false));
        await ExecuteAsync(
            $"INSERT INTO {{tables}}jobs (job_id, kind, arguments, state, scheduled_at, created_at, updated_at, finished_at) VALUES ('j', 'k', '{{}}', 'completed', {Past}, {Past}, {Past}, {Past})");
        await ExecuteAsync("ALTER TABLE {tables}inbox RENAME TO away");
        var purge = new ArchivePurge(
            sut, (IJobStore)sut, Options.Create(new WorkerOptions { TombstoneRetention = TimeSpan.FromDays(-1) }), Options.Create(new JobOptions()));

        await Should.ThrowAsync<DbException>(() => purge.RunOnceAsync(default));

        (await sut.ListTombstonesAsync("", null, 10, default)).ShouldBeEmpty();
        (await ((IJobStore)sut).ListJobsAsync(null, null, null, 10, default)).ShouldBeEmpty();
    }
}
