using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Worker;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Diagnostics;

public sealed class StatsHistoryTests
{
    private readonly ManualTime _time = new(DateTimeOffset.UnixEpoch);
    private readonly StatsHistory _sut;

    public StatsHistoryTests() => _sut = new StatsHistory(Options.Create(new WorkerOptions()), _time);

    [Fact]
    public void Rates_AreThoseSinceTheSampleBefore()
    {
        Add(written: 1000, pending: 10);
        _sut.Latest!.ArchivedPerSecond.ShouldBeNull();

        _time.Advance(TimeSpan.FromSeconds(10));
        Add(written: 1500, pending: 110);

        _sut.Latest!.ArchivedPerSecond.ShouldBe(50);
        _sut.Latest.SavesPerSecond.ShouldBe(60);
        _sut.Latest.Pending.ShouldBe(110);
    }

    [Fact]
    public void Rates_WhileAFigureIsMissingOrCountedAnew_AreUnknown()
    {
        Add(written: 1000, pending: 10);
        _time.Advance(TimeSpan.FromSeconds(10));
        Add(written: 3, pending: 10);
        _sut.Latest!.ArchivedPerSecond.ShouldBeNull();
        _sut.Latest.SavesPerSecond.ShouldBeNull();

        _time.Advance(TimeSpan.FromSeconds(10));
        Add(written: 13, pending: null);
        _sut.Latest!.ArchivedPerSecond.ShouldBe(1);
        _sut.Latest.SavesPerSecond.ShouldBeNull();

        _time.Advance(TimeSpan.FromSeconds(10));
        Add(written: null, pending: 4);
        _sut.Latest!.ArchivedPerSecond.ShouldBeNull();
    }

    [Fact]
    public void Samples_AreThoseOfTheLastHour()
    {
        for (var i = 0; i < 400; i++)
        {
            Add(written: i, pending: 0);
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        var samples = _sut.List(null);
        samples.Count.ShouldBe(360);
        (samples[^1].At - samples[0].At).ShouldBe(TimeSpan.FromSeconds(3590));
        _sut.List(samples[350].At).Count.ShouldBe(9);
        _sut.Latest.ShouldBe(samples[^1]);

        _time.Advance(TimeSpan.FromMinutes(1));
        _sut.Latest.ShouldBeNull();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Sampler_OfAWorker_FillsEveryFigure(bool isEmbedded)
    {
        await using var deployment = new Deployment(isEmbedded ? ArchiveKind.Sqlite : ArchiveKind.Postgres, isEmbedded);
        deployment["Worker:SampleInterval"] = "00:00:00.200";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var history = worker.Services.GetRequiredService<StatsHistory>();
        await Deployment.UntilAsync(
            async () =>
            {
                await client.SaveAsync(new Checkpoint { ExecutionId = "e", State = new byte[] { 1 } }, new SaveOptions { Durability = Durability.Persisted });
                return history.List(null).Any(sample =>
                    sample is { SavesPerSecond: > 0, ArchivedPerSecond: > 0, DeadLetters: 0, OutboxPending: not null, LagSeconds: not null }
                    && sample.DeadCommands == (isEmbedded ? null : 0));
            },
            "a sample has every figure");
        await Deployment.UntilAsync(() => Task.FromResult(history.List(null).Any(sample => sample.QueueDepth == 0)), "the queue is seen empty");
    }

    private void Add(long? written, long? pending) => _sut.Add(
        pending is { } count ? new PendingStats(count, TimeSpan.Zero) : null,
        new OutboxStats(0, TimeSpan.Zero),
        new QueueCounts(0, null),
        written is { } rows ? new ArchiveStats(0, 0, rows) : null);
}
