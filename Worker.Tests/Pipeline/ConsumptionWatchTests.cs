using System.Diagnostics;
using System.Net;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker;
using AsyncCheckpoints.Worker.Consumers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class ConsumptionWatchTests
{
    private readonly ManualTime _time = new();
    private readonly ConsumptionWatch _watch;

    public ConsumptionWatchTests() =>
        _watch = new ConsumptionWatch(Options.Create(new WorkerOptions()), _time, NullLogger<ConsumptionWatch>.Instance);

    [Fact]
    public void Messages_WaitAndNoneComes_IsAStall()
    {
        Look(waiting: 5);
        Look(waiting: 5);
        _watch.IsStalled.ShouldBeTrue();
        _watch.IsLost.ShouldBeFalse();
        Look(waiting: 5);
        _watch.IsLost.ShouldBeTrue();
        _watch.Began();
        Look(waiting: 5);
        _watch.IsStalled.ShouldBeFalse();
        _watch.IsLost.ShouldBeFalse();
    }

    [Theory]
    [InlineData(0L, true)]
    [InlineData(null, true)]
    [InlineData(5L, false)]
    public void NothingWaits_OrTheWorkerPauses_IsNoStall(long? waiting, bool isOpen)
    {
        Look(waiting, isOpen);
        Look(waiting, isOpen);
        _watch.IsStalled.ShouldBeFalse();
    }

    [Fact]
    public void MessagesInHand_OrTakenInBetween_AreNoStall()
    {
        _watch.Began();
        Look(waiting: 5);
        Look(waiting: 5);
        _watch.IsStalled.ShouldBeFalse();
        _watch.Ended();
        Look(waiting: 5);
        _watch.Began();
        _watch.Ended();
        Look(waiting: 5);
        _watch.IsStalled.ShouldBeFalse();
    }

    [Fact]
    public async Task Worker_WhoseConsumerIsLost_IsNotAlive()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["Worker:SampleInterval"] = "00:00:00.100";
        deployment["Worker:StallAfter"] = "00:00:10";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = "a" }, new SaveOptions { Durability = Durability.Persisted });
        using var http = new HttpClient { BaseAddress = new Uri(((WebApplication)worker).Urls.First()) };
        (await http.GetAsync("/health/live")).StatusCode.ShouldBe(HttpStatusCode.OK);

        // Ended without the worker's doing; nothing starts it again.
        var endpoint = worker.Services.GetRequiredService<ConsumptionGate>().Endpoint!;
        await endpoint.Stop(CancellationToken.None);
        await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = "b" }, new SaveOptions { Durability = Durability.Queued, Strict = true });
        await Deployment.UntilAsync(
            async () => (await http.GetAsync("/health/live")).StatusCode == HttpStatusCode.ServiceUnavailable, "the worker is not alive");
        (await http.GetStringAsync("/metrics")).ShouldNotBeEmpty();

        endpoint.Start(CancellationToken.None);
        await Deployment.UntilAsync(async () => (await http.GetAsync("/health/live")).IsSuccessStatusCode, "the worker is alive");
        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "e")).Count == 2, "everything is archived");
    }

    [Fact]
    public async Task MessagesThatCannotBeRead_AreNoStall()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["Worker:SampleInterval"] = "01:00:00";
        deployment["Worker:StallAfter"] = "00:00:00.100";
        var worker = await deployment.StartWorkerAsync();
        var watch = worker.Services.GetRequiredService<ConsumptionWatch>();
        var archive = Deployment.ArchiveOf(worker);
        await deployment.CreateClientAsync();
        await Deployment.UntilAsync(() => Task.FromResult(watch.Waiting is not null), "the worker has looked; the next time in an hour");
        watch.Saw(5, isOpen: true);
        var watched = Stopwatch.StartNew();

        await RawQueue.PublishAsync(SharedServers.RabbitMq, deployment.Prefix, ("text/plain", "hello"u8.ToArray()));
        await Deployment.UntilAsync(
            async () => (await archive.ListDeadLettersAsync(null, 1, false, CancellationToken.None)).Count == 1 && watched.Elapsed > TimeSpan.FromMilliseconds(100), "a dead letter");

        watch.Saw(5, isOpen: true);
        watch.IsStalled.ShouldBeFalse();
    }

    [Fact]
    public async Task Worker_WhoseConsumerStaysLost_EndsForItsSupervisor()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["Worker:SampleInterval"] = "00:00:00.100";
        deployment["Worker:StallAfter"] = "00:00:00.100";
        var worker = await deployment.StartWorkerAsync();
        var stopping = worker.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        var client = await deployment.CreateClientAsync();
        var gate = worker.Services.GetRequiredService<ConsumptionGate>();
        await Deployment.UntilAsync(() => Task.FromResult(gate.Endpoint is not null), "the worker consumes");
        await gate.Endpoint!.Stop(CancellationToken.None);
        stopping.IsCancellationRequested.ShouldBeFalse();

        await client.SaveAsync(new Checkpoint { ExecutionId = "e", Id = "a" }, new SaveOptions { Durability = Durability.Queued, Strict = true });
        await Deployment.UntilAsync(() => Task.FromResult(stopping.IsCancellationRequested), "the worker ends");

        deployment["Worker:StallAfter"] = "00:01:00";
        var next = await deployment.StartWorkerAsync();
        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(next, "e")).Count == 1, "the next one archives it");
    }

    private void Look(long? waiting, bool isOpen = true)
    {
        _watch.Saw(waiting, isOpen);
        _time.Advance(new WorkerOptions().StallAfter);
    }
}
