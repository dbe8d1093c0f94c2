using System.Diagnostics;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Consumers;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>In one class, so one after the other: listeners are the process's.</summary>
public sealed class TracingTests
{
    [Theory]
    [InlineData("http/protobuf")]
    [InlineData("grpc")]
    public async Task SaveAsync_Otlp_ArrivesAtTheCollectorAsOneTrace(string protocol)
    {
        await using var collector = await OtlpCollector.StartAsync(protocol == "grpc");
        await using var deployment = new Deployment(ArchiveKind.Sqlite) { ["Otlp:Endpoint"] = collector.Address, ["Otlp:Protocol"] = protocol };
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = deployment.Prefix, State = new byte[5] }, new SaveOptions { Durability = Durability.Persisted });
        var archive = Deployment.ArchiveOf(worker);
        await Deployment.UntilAsync(async () => (await archive.GetOutboxStatsAsync(CancellationToken.None)).Pending == 0, "the outbox is empty");
        await deployment.StopAsync(worker);

        var save = collector.Spans.Single(span => span.Tags.GetValueOrDefault("asynccheckpoints.execution.id") == deployment.Prefix);
        save.Name.ShouldBe("checkpoint.save");
        save.Tags["asynccheckpoints.checkpoint.id"].ShouldBe(saved.Key.Id);
        save.Tags["asynccheckpoints.durability.reached"].ShouldBe("persisted");
        var trace = collector.Spans.Where(span => span.TraceId == save.TraceId).ToList();
        foreach (var name in (string[])["checkpoint.send", "checkpoint.archive"])
        {
            // A message whose answer is late is sent again.
            var span = trace.First(span => span.Name == name);
            span.ParentId.ShouldBe(save.SpanId);
            span.Links.ShouldBe([(save.TraceId, save.SpanId)]);
        }

        trace.First(span => span.Name == "checkpoint.archive").Tags["db.system.name"].ShouldBe("sqlite");
        collector.Spans.ShouldContain(span => span.Name == "checkpoint.deliver");
        collector.Metrics.ShouldContain("asynccheckpoints.lag");
        collector.Metrics.ShouldContain("asynccheckpoints.save.duration");
    }

    [Theory]
    [InlineData("http/protobuf")]
    [InlineData("grpc")]
    public async Task Log_Otlp_ArrivesWithItsEventAndSpan(string protocol)
    {
        await using var collector = await OtlpCollector.StartAsync(protocol == "grpc");
        await using var deployment = new Deployment(ArchiveKind.Sqlite) { ["Otlp:Endpoint"] = collector.Address, ["Otlp:Protocol"] = protocol };
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await client.SaveAsync(new Checkpoint { ExecutionId = deployment.Prefix }, new SaveOptions { Durability = Durability.Persisted });
        var newer = new CheckpointCommands { SchemaVersion = 99 }.ToByteArray();
        await RawQueue.PublishAsync(SharedServers.RabbitMq, deployment.Prefix, (WireFormat.ContentType.MediaType, newer));
        var archive = Deployment.ArchiveOf(worker);
        await Deployment.UntilAsync(
            async () => (await archive.ListDeadLettersAsync(null, 1, false, CancellationToken.None)).Count > 0, "the message is a dead letter");
        await deployment.StopAsync(worker);

        // A message that comes again is refused again.
        var log = collector.Logs.First(log => log.Category == typeof(CheckpointCommandsConsumer).FullName);
        (log.Level, log.EventName, log.Tags["logrecord.event.id"]).ShouldBe(("Error", "Refused", "2100"));
        log.Message.ShouldBe($"A message was refused and put into the dead letters: {log.Tags["Reason"]}");
        log.Tags["Reason"].ShouldContain("99");
        collector.Spans.ShouldContain(span => span.TraceId == log.TraceId && span.SpanId == log.SpanId);
    }

    [Fact]
    public async Task Log_OtlpTurnedOff_IsNotSent()
    {
        await using var collector = await OtlpCollector.StartAsync();
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true)
        {
            ["Otlp:Endpoint"] = collector.Address,
            ["Logging:OpenTelemetry:LogLevel:Default"] = "None",
        };
        await deployment.StopAsync(await deployment.StartWorkerAsync());
        collector.Metrics.ShouldNotBeEmpty();
        collector.Logs.ShouldBeEmpty();
    }

    [Fact]
    public async Task SaveAsync_ConflictWhileListening_EndsItsSpanWithTheFault()
    {
        var ended = new System.Collections.Concurrent.ConcurrentBag<Activity>();
        using var listener = Listen(ended.Add);
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var client = (await deployment.StartWorkerAsync()).Services.GetRequiredService<ICheckpointClient>();
        await Should.ThrowAsync<CheckpointConflictException>(
            () => client.SaveAsync(new Checkpoint { ExecutionId = deployment.Prefix }, new SaveOptions { ExpectedLatestId = "not this" }));

        var span = ended.Single(activity => (string?)activity.GetTagItem("asynccheckpoints.execution.id") == deployment.Prefix);
        span.Status.ShouldBe(ActivityStatusCode.Error);
        span.GetTagItem("error.type").ShouldBe(nameof(CheckpointConflictException));
        Activity.Current.ShouldBeNull();
    }

    [Fact]
    public void StartBatch_SavesOfManyTraces_IsARootWithABoundedNumberOfLinks()
    {
        using var listener = Listen(_ => { });
        var saves = Enumerable.Range(0, 1000).Select(_ => Context(ActivityTraceId.CreateRandom())).ToList();
        using var around = new Activity("around").Start();
        using var sut = CheckpointTracing.StartBatch("checkpoint.archive", ActivityKind.Consumer, 1000, saves);
        sut!.Parent.ShouldBeNull();
        sut.ParentId.ShouldBeNull();
        sut.Links.Select(link => link.Context.SpanId).ShouldBe(saves.Take(CheckpointTracing.MaxLinks).Select(save => save.SpanId));
        sut.GetTagItem("messaging.batch.message_count").ShouldBe(1000);
    }

    [Fact]
    public void StartBatch_SavesOfOneTrace_IsPartOfIt()
    {
        using var listener = Listen(_ => { });
        var traceId = ActivityTraceId.CreateRandom();
        using var sut = CheckpointTracing.StartBatch("checkpoint.send", ActivityKind.Producer, 2, [Context(traceId), Context(traceId)]);
        sut!.TraceId.ShouldBe(traceId);
        sut.Links.Count().ShouldBe(2);
    }

    [Theory]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData("|1.2.3.")]
    [InlineData("00-00000000000000000000000000000000-0000000000000000-00")]
    public void ContextsOf_NoTraceContext_IsLeftOut(string traceParent) => CheckpointTracing.ContextsOf([traceParent]).ShouldBeEmpty();

    [Fact]
    public void Validate_OtlpOptionsOutOfBounds_NamesEach()
    {
        var sut = new Worker.Diagnostics.OtlpOptionsValidator();
        sut.Validate(null, new Worker.Diagnostics.OtlpOptions()).ShouldBe(ValidateOptionsResult.Success);
        var options = new Worker.Diagnostics.OtlpOptions { Endpoint = "here", Protocol = "carrier pigeon", SampleRatio = 2, MetricInterval = TimeSpan.Zero };
        sut.Validate(null, options).Failures!.Count().ShouldBe(4);
    }

    private static ActivityContext Context(ActivityTraceId traceId) => new(traceId, ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded, isRemote: true);

    private static ActivityListener Listen(Action<Activity> ended)
    {
        var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == CheckpointTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended,
        };
        ActivitySource.AddActivityListener(listener);
        return listener;
    }
}
