using System.Diagnostics;
using System.Net;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Health;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Health;

/// <summary>Anybody may ask for health, as often as they like, and it costs the parts little.</summary>
public sealed class ReadinessTests
{
    [Fact]
    public async Task Ready_AskedByManyAtOnce_AsksTheArchiveOnceASecond()
    {
        var database = await PostgresDatabase.CreateAsync();
        var name = new NpgsqlConnectionStringBuilder(database).Database!;
        var pings = 0;
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.TagObjects.Any(tag => tag.Value is string text && text == name) && activity.TagObjects.Any(tag => tag.Value is string text && text.Contains("archive.ping", StringComparison.Ordinal)))
                {
                    Interlocked.Increment(ref pings);
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        await using var deployment = new Deployment(ArchiveKind.Postgres, isEmbedded: true) { ["ConnectionStrings:Postgres"] = database };
        var worker = (WebApplication)await deployment.StartWorkerAsync();
        using var http = new HttpClient { BaseAddress = new Uri(worker.Urls.Single()) };
        await Deployment.UntilAsync(async () => (await http.GetAsync("/health/ready")).IsSuccessStatusCode, "the worker is ready");

        var before = pings;
        var watch = Stopwatch.StartNew();
        for (var round = 0; round < 5; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => http.GetAsync("/health/ready")));
            answers.ShouldAllBe(answer => answer.StatusCode == HttpStatusCode.OK);
        }

        (pings - before).ShouldBeLessThanOrEqualTo((int)watch.Elapsed.TotalSeconds + 1);
        await Deployment.UntilAsync(async () => (await http.GetAsync("/health/ready")).IsSuccessStatusCode && pings > before, "it is asked again");
    }

    [Fact]
    public async Task Probe_Answers_AreSharedForASecond()
    {
        var time = new ManualTime();
        var asked = 0;
        var answer = new TaskCompletionSource();
        var probe = new SharedProbe(
            _ =>
            {
                asked++;
                return answer.Task;
            },
            time);
        using var impatient = new CancellationTokenSource();
        var (first, second, third) = (probe.AskAsync(default), probe.AskAsync(default), probe.AskAsync(impatient.Token));
        await impatient.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(third);
        time.Advance(TimeSpan.FromSeconds(2));
        _ = probe.AskAsync(default);
        asked.ShouldBe(1);

        answer.SetException(new TimeoutException());
        await Should.ThrowAsync<TimeoutException>(first);
        await Should.ThrowAsync<TimeoutException>(second);
        answer = new TaskCompletionSource();
        answer.SetResult();
        await probe.AskAsync(default);
        time.Advance(TimeSpan.FromMilliseconds(999));
        await probe.AskAsync(default);
        asked.ShouldBe(2);
        time.Advance(TimeSpan.FromMilliseconds(1));
        await probe.AskAsync(default);
        asked.ShouldBe(3);
    }
}
