using System.Security.Cryptography;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Worker.Storage;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>What every store of jobs does. A class that derives from it says how one is made.</summary>
public abstract class JobStoreConformanceTests : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(1);

    private ICheckpointArchive? _archive;

    private IJobStore Sut => (IJobStore)_archive!;

    public async Task InitializeAsync()
    {
        _archive = await CreateAsync();
        await _archive.MigrateAsync(default);
    }

    public virtual async Task DisposeAsync() => await ((IAsyncDisposable)_archive!).DisposeAsync();

    [Fact]
    public async Task ClaimJobAsync_SeveralJobs_HighestPriorityThenLongestDueFirst()
    {
        await AddAsync("a");
        await AddAsync("b", priority: 5);
        await AddAsync("c", delay: Long);
        (await ClaimAsync()).ShouldBe("b");
        (await ClaimAsync()).ShouldBe("a");
        (await ClaimAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task ClaimJobAsync_TenWorkersAtOnce_EachJobOnce()
    {
        for (var i = 0; i < 20; i++)
        {
            await AddAsync($"job-{i:00}");
        }

        var claims = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() => Sut.ClaimJobAsync($"worker-{i % 10}", Long, default))));

        claims.Where(job => job is not null).Select(job => job!.Id).Order().ShouldBe(Enumerable.Range(0, 20).Select(i => $"job-{i:00}"));
    }

    [Fact]
    public async Task ClaimJobAsync_LeaseRunOut_GoesOnAtTheCursorAndTheOldOwnerHasLostIt()
    {
        await AddAsync("a");
        await Sut.ClaimJobAsync("dead", Long, default);
        (await Sut.SaveJobProgressAsync("dead", "a", Progress("here", 7), Short, default)).ShouldBe(JobHold.Held);
        await Task.Delay(50);

        var job = (await Sut.ClaimJobAsync("next", Long, default)).ShouldNotBeNull();

        (job.Cursor, job.Done, job.Total, job.Attempts, job.State).ShouldBe(("here", 7, 100L, 2, JobState.Running));
        (await Sut.SaveJobProgressAsync("dead", "a", Progress("there", 9), Long, default)).ShouldBe(JobHold.Lost);
        (await Sut.ExtendJobAsync("dead", "a", Long, default)).ShouldBe(JobHold.Lost);
        (await Sut.EndJobAsync("dead", "a", JobState.Completed, null, default, default)).ShouldBeFalse();
        (await Sut.GetJobAsync("a", default))!.Cursor.ShouldBe("here");
    }

    [Fact]
    public async Task SaveJobProgressAsync_WithFindings_StoresBothOnce()
    {
        await AddAsync("a");
        await Sut.ClaimJobAsync("w", Long, default);
        await Sut.SaveJobProgressAsync("w", "a", Progress("1", 1, 0, "x", "y"), Long, default);
        await Sut.SaveJobProgressAsync("w", "a", Progress("2", 2, 2, "z\0"), Long, default);
        await Sut.SaveJobProgressAsync("stranger", "a", Progress("3", 3, 3, "no"), Long, default);

        var found = await Sut.ListFindingsAsync("a", 0, 10, default);
        found.Select(finding => (finding.Position, finding.Finding.Subject)).ShouldBe([(1L, "x"), (2L, "y"), (3L, "z\uFFFD")]);
        (await Sut.ListFindingsAsync("a", 2, 10, default)).Count.ShouldBe(1);
        var job = (await Sut.GetJobAsync("a", default))!;
        (job.Findings, job.Cursor, job.Attempts).ShouldBe((3, "2", 1));
        job.Counts.Replace(" ", "", StringComparison.Ordinal).ShouldBe("""{"a":1}""");
    }

    [Fact]
    public async Task CancelJobAsync_Waiting_EndsIt()
    {
        await AddAsync("a");
        (await Sut.CancelJobAsync("a", default))!.State.ShouldBe(JobState.Cancelled);
        (await Sut.CancelJobAsync("a", default)).ShouldBeNull();
        (await ClaimAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task CancelJobAsync_Running_TellsItsWorker()
    {
        await AddAsync("a");
        await Sut.ClaimJobAsync("w", Long, default);
        (await Sut.CancelJobAsync("a", default))!.State.ShouldBe(JobState.Running);
        (await Sut.ExtendJobAsync("w", "a", Long, default)).ShouldBe(JobHold.CancelRequested);
        (await Sut.SaveJobProgressAsync("w", "a", Progress("1", 1), Long, default)).ShouldBe(JobHold.CancelRequested);
        (await Sut.EndJobAsync("w", "a", JobState.Cancelled, null, default, default)).ShouldBeTrue();
        (await Sut.GetJobAsync("a", default))!.FinishedAt.ShouldNotBeNull();
    }

    [Fact]
    public async Task EndJobAsync_Retryable_IsDueAfterItsDelay()
    {
        await AddAsync("a");
        await AddAsync("b");
        await Sut.ClaimJobAsync("w", Long, default);
        await Sut.ClaimJobAsync("w", Long, default);
        await Sut.EndJobAsync("w", "a", JobState.Retryable, "it broke", Long, default);
        await Sut.EndJobAsync("w", "b", JobState.Retryable, "it broke", default, default);
        (await ClaimAsync()).ShouldBe("b");
        var job = (await Sut.GetJobAsync("a", default))!;
        (job.State, job.Error, job.FinishedAt).ShouldBe((JobState.Retryable, "it broke", null));
    }

    [Theory]
    [InlineData("Available", "Cancelled")]
    [InlineData("Retryable", "Cancelled")]
    [InlineData("Completed", "Completed")]
    [InlineData("Discarded", "Discarded")]
    public async Task EndJobAsync_CancelRequested_IsNotDueAgain(string ended, string expected)
    {
        await AddAsync("a");
        await Sut.ClaimJobAsync("w", Long, default);
        await Sut.CancelJobAsync("a", default);
        (await Sut.EndJobAsync("w", "a", Enum.Parse<JobState>(ended), "it broke", Long, default)).ShouldBeTrue();
        var job = (await Sut.GetJobAsync("a", default))!;
        (job.State, job.Error).ShouldBe((Enum.Parse<JobState>(expected), "it broke"));
        job.FinishedAt.ShouldNotBeNull();
        (await Sut.PurgeJobsAsync(TimeSpan.FromDays(-1), 10, default)).ShouldBe(1);
    }

    [Fact]
    public async Task EndJobAsync_GivenBack_DoesNotCountTheAttempt()
    {
        await AddAsync("a");
        await Sut.ClaimJobAsync("w", Long, default);
        await Sut.EndJobAsync("w", "a", JobState.Available, null, default, default);
        (await Sut.ClaimJobAsync("w", Long, default))!.Attempts.ShouldBe(1);
    }

    [Fact]
    public async Task AddJobAsync_SameUniqueKey_IsRefused()
    {
        (await Sut.AddJobAsync(Make("a") with { UniqueKey = "k" }, default)).ShouldBeTrue();
        (await Sut.AddJobAsync(Make("b") with { UniqueKey = "k" }, default)).ShouldBeFalse();
        (await Sut.AddJobAsync(Make("a"), default)).ShouldBeFalse();
    }

    [Fact]
    public async Task ListJobsAsync_Filtered_PagesFromTheNewestOn()
    {
        foreach (var id in new[] { "1", "2", "3", "4" })
        {
            await Sut.AddJobAsync(Make(id) with { Kind = id == "2" ? "other" : "kind" }, default);
        }

        await Sut.CancelJobAsync("4", default);
        (await Sut.ListJobsAsync(null, null, null, 2, default)).Select(job => job.Id).ShouldBe(["4", "3"]);
        (await Sut.ListJobsAsync(null, null, "3", 2, default)).Select(job => job.Id).ShouldBe(["2", "1"]);
        (await Sut.ListJobsAsync(JobState.Available, "kind", null, 9, default)).Select(job => job.Id).ShouldBe(["3", "1"]);
    }

    [Fact]
    public async Task PurgeJobsAsync_Ended_GoWithTheirFindings()
    {
        await AddAsync("a");
        await AddAsync("b");
        await Sut.ClaimJobAsync("w", Long, default);
        await Sut.SaveJobProgressAsync("w", "a", Progress("1", 1, 0, "x"), Long, default);
        await Sut.EndJobAsync("w", "a", JobState.Completed, null, default, default);
        (await Sut.PurgeJobsAsync(TimeSpan.FromDays(1), 10, default)).ShouldBe(0);
        (await Sut.PurgeJobsAsync(TimeSpan.FromDays(-1), 10, default)).ShouldBe(1);
        (await Sut.GetJobAsync("a", default)).ShouldBeNull();
        (await Sut.GetJobAsync("b", default)).ShouldNotBeNull();
        (await Sut.ListFindingsAsync("a", 0, 10, default)).ShouldBeEmpty();
    }

    [Fact]
    public async Task DeadLetters_OneByOne_AreFoundAndRemoved()
    {
        await _archive!.CommitAsync(
            new ArchiveBatch([], [new("a", "r", "t", new byte[] { 1 }, "e"), new("b", "r", "t", new byte[] { 2 }, null)]), default);
        var first = (await Sut.ListDeadLettersAfterAsync(0, 1, long.MaxValue, default)).ShouldHaveSingleItem();
        var second = (await Sut.ListDeadLettersAfterAsync(first.RowId, 10, long.MaxValue, default)).ShouldHaveSingleItem();
        (await Sut.GetDeadLetterAsync(second.RowId, default))!.Letter.Body.ToArray().ShouldBe([2]);
        (await Sut.RemoveDeadLettersAsync([first.RowId], default)).ShouldBe(1);
        (await Sut.RemoveDeadLettersAsync([first.RowId], default)).ShouldBe(0);
        (await Sut.GetDeadLetterAsync(first.RowId, default)).ShouldBeNull();
        (await Sut.GetStatsAsync(default)).DeadLetters.ShouldBe(1);
    }

    [Fact]
    public async Task DeadLetters_Large_ComeInPagesOfSoManyBytes()
    {
        int[] sizes = [300, 100, 0, 100, 101, 100, 500, 1];
        await _archive!.CommitAsync(
            new ArchiveBatch([], [.. sizes.Select((size, i) => new DeadLetter($"{i}", "r", "t", new byte[size], null))]), default);

        var pages = new List<int[]>();
        var last = 0L;
        while (await Sut.ListDeadLettersAfterAsync(last, 3, 200, default) is { Count: > 0 } page)
        {
            pages.Add([.. page.Select(letter => letter.Letter.Body.Length)]);
            last = page[^1].RowId;
        }

        pages.ShouldBe([[300], [100, 0, 100], [101], [100], [500], [1]]);
        var rows = (await Sut.ListDeadLettersAfterAsync(0, 100, long.MaxValue, default)).Select(letter => letter.RowId).ToList();
        (await Sut.RemoveDeadLettersAsync([rows[1], rows[3], rows[7] + 1], default)).ShouldBe(2);
        (await Sut.ListDeadLettersAfterAsync(0, 100, long.MaxValue, default)).Count.ShouldBe(6);
        (await Sut.RemoveDeadLettersAsync([], default)).ShouldBe(0);
    }

    [Fact]
    public async Task Figures_OfCheckpoints_AreExactWhileThereAreFew()
    {
        var checkpoints = new[] { "a-1", "a-2", "b-1" }.Select((execution, i) => new Checkpoint
        {
            ExecutionId = execution,
            Id = "c",
            Sequence = i + 1,
            State = new byte[] { 1 },
            CreatedAt = DateTimeOffset.UnixEpoch,
        });
        await _archive!.CommitAsync(
            new ArchiveBatch([new ArchiveCommand(null, [.. checkpoints.Select(c => new ArchiveSave(c, SHA256.HashData(c.State.Span), false))], [])], []), default);
        // PostgreSQL's own figures come a little late.
        await Deployment.UntilAsync(async () => (await Sut.GetStatsAsync(default)).Written == 3, "what was written is counted");
        (await Sut.CountCheckpointsAsync("a-", default)).ShouldBe(2);
        (await Sut.CountCheckpointsOfAsync("a-2", default)).ShouldBe(1);
        (await Sut.CountCheckpointsOfAsync("a-", default)).ShouldBe(0);
        (await Sut.CountCheckpointsAsync("", default)).ShouldBe(3);
        (await Sut.GetTotalAsync(default)).ShouldBe(new ArchiveTotal(3, false));
        var hash = (await Sut.ListHashesAsync("a-2", new SequenceRange(0, 9), default)).ShouldHaveSingleItem();
        hash.StateSha256.ToArray().ShouldBe(SHA256.HashData([1]));
    }

    [Fact]
    public async Task Audit_Entries_ComeNewestFirst()
    {
        await Sut.AddAuditAsync(new AuditEntry("me", "job.start", "1", "d"), default);
        await Sut.AddAuditAsync(new AuditEntry("me", "job.cancel", "1", "d"), default);
        var entries = await Sut.ListAuditAsync(null, 1, default);
        entries.ShouldHaveSingleItem().Entry.Action.ShouldBe("job.cancel");
        (await Sut.ListAuditAsync(entries[0].Id, 9, default)).ShouldHaveSingleItem().Entry.ShouldBe(new AuditEntry("me", "job.start", "1", "d"));
    }

    /// <summary>An archive over an empty database.</summary>
    private protected abstract Task<ICheckpointArchive> CreateAsync();

    private static NewJob Make(string id) => new(id, "kind", """{"x":1}""", 0, 3, null, default, null);

    private static JobProgress Progress(string cursor, long done, long before = 0, params string[] subjects) =>
        new(cursor, done, 100, 1.5, """{"a":1}""", before, [.. subjects.Select(subject => new JobFinding("k", subject, "d"))]);

    private Task<bool> AddAsync(string id, int priority = 0, TimeSpan delay = default) => Sut.AddJobAsync(Make(id) with { Priority = priority, Delay = delay }, default);

    private async Task<string?> ClaimAsync() => (await Sut.ClaimJobAsync("w", Long, default))?.Id;
}
