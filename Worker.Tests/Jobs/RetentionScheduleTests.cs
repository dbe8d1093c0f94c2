using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Retention;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class RetentionScheduleTests
{
    [Fact]
    public async Task RunOnceAsync_LastJobHasNotEnded_AddsNone()
    {
        var time = new ManualTime();
        await using var worker = new JobWorker();
        await using var archive = new SqliteArchive(new() { Path = worker.ArchivePath }, time);
        await archive.MigrateAsync(default);
        var options = Options.Create(new RetentionOptions { Every = TimeSpan.FromHours(1), Rules = { new RetentionRule { KeepLast = 2 } } });
        var starter = new JobStarter(
            archive, [new RetentionJob(archive, options)], new JobSignal(), Options.Create(new JobOptions()), time, NullLogger<JobStarter>.Instance);
        var sut = new RetentionSchedule(starter, archive, options, time);

        await RunAsync(3);
        (await archive.ClaimJobAsync("worker", TimeSpan.FromDays(1), default)).ShouldNotBeNull();
        await RunAsync(3);
        var jobs = await archive.ListJobsAsync(null, "retention", null, 10, default);
        await archive.EndJobAsync("worker", jobs.ShouldHaveSingleItem().Id, JobState.Completed, null, default, default);
        await RunAsync(1);

        (await archive.ListJobsAsync(null, "retention", null, 10, default)).Select(job => job.State).ShouldBe([JobState.Available, JobState.Completed]);

        async Task RunAsync(int intervals)
        {
            for (var i = 0; i < intervals; i++)
            {
                await sut.RunOnceAsync(default);
                time.Advance(TimeSpan.FromHours(1));
            }
        }
    }
}
