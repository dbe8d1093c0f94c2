using System.Diagnostics.Metrics;
using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Diagnostics;

public sealed class MetricTests
{
    private static readonly string[] None = [];
    private static readonly string[] Failure = ["error.type"];
    private static readonly string[] Save = ["durability.reached", "durability.wanted", "error.type"];

    /// <summary>Every instrument: kind, unit and the tags that it may have.</summary>
    private static readonly Dictionary<string, (Type Kind, string Unit, string[] Tags)> Expected = new()
    {
        ["asynccheckpoints.save.duration"] = (typeof(Histogram<double>), "s", Save),
        ["asynccheckpoints.state.size"] = (typeof(Histogram<long>), "By", None),
        ["asynccheckpoints.buffer.items"] = (typeof(ObservableUpDownCounter<long>), "{checkpoint}", None),
        ["asynccheckpoints.buffer.size"] = (typeof(ObservableUpDownCounter<long>), "By", None),
        ["asynccheckpoints.spool.size"] = (typeof(ObservableUpDownCounter<long>), "By", None),
        ["asynccheckpoints.archive.batch.size"] = (typeof(Histogram<int>), "{checkpoint}", None),
        ["asynccheckpoints.archive.batch.duration"] = (typeof(Histogram<double>), "s", Failure),
        ["asynccheckpoints.archive.outage"] = (typeof(ObservableGauge<double>), "s", None),
        ["asynccheckpoints.lag"] = (typeof(Histogram<double>), "s", None),
        ["asynccheckpoints.dead_letters"] = (typeof(Counter<long>), "{letter}", None),
        ["asynccheckpoints.rescued"] = (typeof(Counter<long>), "{checkpoint}", None),
        ["asynccheckpoints.pending"] = (typeof(ObservableUpDownCounter<long>), "{checkpoint}", None),
        ["asynccheckpoints.pending.oldest_age"] = (typeof(ObservableGauge<double>), "s", None),
        ["asynccheckpoints.outbox.pending"] = (typeof(ObservableUpDownCounter<long>), "{entry}", None),
        ["asynccheckpoints.outbox.oldest_age"] = (typeof(ObservableGauge<double>), "s", None),
        ["asynccheckpoints.commands.ready"] = (typeof(ObservableUpDownCounter<long>), "{message}", None),
        ["asynccheckpoints.commands.dead"] = (typeof(ObservableUpDownCounter<long>), "{message}", None),
        ["asynccheckpoints.dead_letters.stored"] = (typeof(ObservableUpDownCounter<long>), "{letter}", None),
        ["asynccheckpoints.redis.memory.used"] = (typeof(ObservableGauge<long>), "By", None),
        ["asynccheckpoints.redis.memory.limit"] = (typeof(ObservableGauge<long>), "By", None),
        ["asynccheckpoints.redis.evictions"] = (typeof(ObservableCounter<long>), "{key}", None),
    };

    [Fact]
    public async Task Meter_WorkerAndClientWithSpool_HasTheseNamesUnitsAndTagsOnly()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var spool = Directory.CreateTempSubdirectory("asynccheckpoints-spool-");
        var worker = await deployment.StartWorkerAsync();
        var host = await deployment.StartClientAsync(
            addServices: services => services.AddCheckpointSpool(options => options.SpoolPath = Path.Combine(spool.FullName, "spool.db")));
        using var recorder = new MeterRecorder(worker, host);
        await host.Services.GetRequiredService<ICommandSpool>().PeekAsync(1); // Its size is known once it is open.
        var client = host.Services.GetRequiredService<ICheckpointClient>();

        await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "a", State = new byte[10] }, new SaveOptions { Durability = Durability.Persisted });
        await Should.ThrowAsync<CheckpointConflictException>(
            () => client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "b" }, new SaveOptions { ExpectedLatestId = "not this" }));
        var metrics = worker.Services.GetRequiredService<WorkerMetrics>();
        metrics.ArchiveFailed(TimeSpan.FromSeconds(1), new TimeoutException());
        metrics.Rescued(2);
        await RawQueue.PublishDeadAsync(SharedServers.RabbitMq, deployment.Prefix, "1"u8.ToArray(), "2"u8.ToArray(), "3"u8.ToArray());

        // Nobody consumes, so what comes now stays in the queue.
        await worker.Services.GetRequiredService<ConsumptionGate>().Endpoint!.Stop(CancellationToken.None);
        await RawQueue.PublishAsync(SharedServers.RabbitMq, deployment.Prefix, [.. Enumerable.Repeat(("text/plain", "waits"u8.ToArray()), 4)]);
        await Deployment.ArchiveOf(worker).CommitAsync(new ArchiveBatch([], [Letter("a"), Letter("b")]), CancellationToken.None);

        // A broker that is busy for a quarter of a second says that a quorum queue has none.
        var sampler = worker.Services.GetRequiredService<BacklogSampler>();
        var history = worker.Services.GetRequiredService<StatsHistory>();
        await Deployment.UntilAsync(
            async () =>
            {
                await sampler.RunOnceAsync(CancellationToken.None);
                return history.Latest is { QueueDepth: > 0, DeadCommands: > 0, DeadLetters: > 0, Pending: not null, OutboxPending: not null };
            },
            "everything is counted");
        recorder.Observe();

        recorder.Instruments.Values.Select(instrument => (instrument.Name, instrument.GetType(), instrument.Unit ?? ""))
            .ShouldBe(Expected.Select(entry => (entry.Key, entry.Value.Kind, entry.Value.Unit)), ignoreOrder: true);
        recorder.Instruments.Values.ShouldAllBe(instrument => !string.IsNullOrEmpty(instrument.Description));
        recorder.Instruments.Keys.ShouldAllBe(name => !name.EndsWith("total", StringComparison.Ordinal));
        var measured = recorder.Measurements.GroupBy(one => one.Name).ToDictionary(group => group.Key, group => group.ToList());
        measured.Keys.ShouldBe(Expected.Keys.Except(["asynccheckpoints.dead_letters"]), ignoreOrder: true);
        foreach (var (name, measurements) in measured)
        {
            measurements.SelectMany(one => one.Tags.Keys).Distinct().ShouldBe(Expected[name].Tags, ignoreOrder: true, name);
        }

        var saves = measured["asynccheckpoints.save.duration"];
        saves.ShouldContain(one => (string)one.Tags["durability.wanted"]! == "persisted" && (string)one.Tags["durability.reached"]! == "persisted");
        saves.Single(one => one.Tags.ContainsKey("error.type")).Tags["error.type"].ShouldBe(nameof(CheckpointConflictException));
        measured["asynccheckpoints.state.size"].ShouldHaveSingleItem().Value.ShouldBe(10);
        measured["asynccheckpoints.rescued"].ShouldHaveSingleItem().Value.ShouldBe(2);
        measured["asynccheckpoints.commands.ready"].ShouldHaveSingleItem().Value.ShouldBe(4);
        measured["asynccheckpoints.commands.dead"].ShouldHaveSingleItem().Value.ShouldBe(3);
        measured["asynccheckpoints.dead_letters.stored"].ShouldHaveSingleItem().Value.ShouldBe(2);
        measured["asynccheckpoints.redis.memory.used"].ShouldAllBe(one => one.Value > 0);
        spool.Delete(recursive: true);
    }

    /// <summary>What waits in the process is counted in saves, so it is not in the metric of messages.</summary>
    [Fact]
    public async Task Meter_EmbeddedWorker_HasItsDeadLettersAndNoQueue()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var worker = await deployment.StartWorkerAsync();
        using var recorder = new MeterRecorder(worker);
        await worker.Services.GetRequiredService<ArchiveState>().WhenMigrated;
        await Deployment.ArchiveOf(worker).CommitAsync(new ArchiveBatch([], [Letter("a")]), CancellationToken.None);
        await Deployment.UntilAsync(
            async () =>
            {
                await worker.Services.GetRequiredService<BacklogSampler>().RunOnceAsync(CancellationToken.None);
                recorder.Observe();
                return recorder.Measurements.Any(one => one is { Name: "asynccheckpoints.dead_letters.stored", Value: 1 });
            },
            "the dead letter is reported");

        worker.Services.GetRequiredService<StatsHistory>().Latest!.QueueDepth.ShouldBe(0);
        recorder.Instruments.Keys.ShouldContain("asynccheckpoints.commands.ready");
        recorder.Measurements.Select(one => one.Name).ShouldNotContain("asynccheckpoints.commands.ready");
    }

    [Fact]
    public void Backlog_NotRenewed_IsNotReported()
    {
        var time = new Stopwatch();
        using var meter = new Meter("AsyncCheckpoints.Test");
        var sut = new Backlog(Microsoft.Extensions.Options.Options.Create(new Worker.WorkerOptions { SampleInterval = TimeSpan.FromSeconds(1) }), time);
        sut.AddTo(meter);
        var values = new List<(string Name, long Value)>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, listener) => Enable(instrument, listener) };
        listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => values.Add((instrument.Name, value)));
        listener.Start();

        listener.RecordObservableInstruments();
        values.ShouldBeEmpty();
        sut.SawPending(new AsyncCheckpoints.Caching.PendingStats(7, TimeSpan.FromSeconds(3)));
        sut.SawReadyCommands(5);
        sut.SawDeadCommands(3);
        sut.SawDeadLetters(2);
        listener.RecordObservableInstruments();
        List<(string Name, long Value)> expected =
        [
            ("asynccheckpoints.pending", 7),
            ("asynccheckpoints.commands.ready", 5),
            ("asynccheckpoints.commands.dead", 3),
            ("asynccheckpoints.dead_letters.stored", 2),
        ];
        values.ShouldBe(expected, ignoreOrder: true);

        values.Clear();
        time.Now += TimeSpan.FromSeconds(4).Ticks;
        listener.RecordObservableInstruments();
        values.ShouldBeEmpty();

        // None is a figure, too.
        sut.SawDeadLetters(0);
        listener.RecordObservableInstruments();
        values.ShouldHaveSingleItem().ShouldBe(("asynccheckpoints.dead_letters.stored", 0L));

        void Enable(Instrument instrument, MeterListener listener)
        {
            if (ReferenceEquals(instrument.Meter, meter))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        }
    }

    private static DeadLetter Letter(string id) => new(id, "not readable", "text/plain", "hello"u8.ToArray(), null);

    private sealed class Stopwatch : TimeProvider
    {
        public long Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now;
    }
}
