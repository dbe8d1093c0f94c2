using System.Text.Json;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class SaveAgainTests
{
    /// <summary>An archive may give metadata back in another order, and their numbers and strings written in another way.</summary>
    [Theory]
    [InlineData(ArchiveKind.Sqlite)]
    [InlineData(ArchiveKind.Postgres)]
    public async Task SaveAsync_SameContentThatRedisHasFromTheArchive_ChangesNothing(ArchiveKind archive)
    {
        await using var deployment = new Deployment(archive);
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        var persisted = new SaveOptions { Durability = Durability.Persisted };
        var checkpoint = new Checkpoint
        {
            ExecutionId = "run",
            Id = "a",
            State = new byte[] { 1 },
            Metadata = JsonElement.Parse("""{"source": "loop", "step": 1E2, "of": {"zero": -0.0, "by": ["\u00fc\n", 1E300, 1.50]}}"""),
        };
        var a = await client.SaveAsync(checkpoint, persisted);
        await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "b" }, persisted);
        await ForgetAsync(deployment, "run");
        var cache = Deployment.CacheOf(worker);
        (await cache.LoadAsync(a.Key, default)).Status.ShouldBe(CacheReadStatus.Unknown);

        await ReplayAsync(worker);
        (await cache.LoadAsync(a.Key, default)).Status.ShouldBe(CacheReadStatus.Found);
        var again = await client.SaveAsync(checkpoint, persisted);

        again.Unchanged.ShouldBeTrue();
        again.Sequence.ShouldBe(a.Sequence);
        (await client.LoadLatestAsync("run")).ShouldNotBeNull().Id.ShouldBe("b");
        (await client.SaveAsync(checkpoint with { Metadata = JsonElement.Parse("""{"step": 101}""") }, persisted)).Unchanged.ShouldBeFalse();
    }

    private static async Task ReplayAsync(IHost worker)
    {
        var request = new JobRequest("replay", JsonElement.Parse("""{"to":"cache"}"""));
        var job = (await worker.Services.GetRequiredService<JobStarter>().StartAsync(request, "test", default)).ShouldNotBeNull();
        var jobs = worker.Services.GetRequiredService<IJobStore>();
        await Deployment.UntilAsync(async () => (await jobs.GetJobAsync(job.Id, default))?.State is JobState.Completed, "the replay is done");
    }

    private static async Task ForgetAsync(Deployment deployment, string executionId)
    {
        using var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis);
        var layout = new RedisLayout(deployment.Prefix, 16);
        var shard = layout.ShardOf(executionId);
        RedisKey[] keys = [.. layout.StreamKeys(shard, executionId, "")[..2], layout.NamedKey(shard, 'n', executionId), layout.ExecutionsKey(shard)];
        await redis.GetDatabase().KeyDeleteAsync(keys);
    }
}
