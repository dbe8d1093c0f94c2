using System.Security.Cryptography;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.InProcess;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Jobs.Verify;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

/// <summary>A verification against the cache finds what is wrong, and only that.</summary>
public sealed class VerifyTests
{
    private readonly string _prefix = $"t{Guid.NewGuid():N}"[..20];

    [Fact]
    public async Task Verify_StateInRedisDamaged_IsOneFinding()
    {
        await using var worker = CreateWorker();
        await worker.StartAsync();
        await PutAsync(worker, "e", 3);
        using var redis = await ConnectionMultiplexer.ConnectAsync(SharedServers.Redis);
        var layout = new RedisLayout(_prefix, JobWorker.ShardCount);
        RedisKey hash = layout.StreamKey(layout.ShardOf("e"), 'h', "e", "");
        var payload = (byte[])(await redis.GetDatabase().HashGetAsync(hash, "c1"))!;
        var record = CheckpointCodec.Parse(payload.AsMemory(RedisFormat.HeaderLength));
        record.State = ByteString.CopyFromUtf8("spoilt");
        await redis.GetDatabase().HashSetAsync(hash, "c1", (byte[])[.. payload[..RedisFormat.HeaderLength], .. record.ToByteArray()]);

        var job = await worker.RunAsync("verify", new { against = "cache" });

        (await FindingsAsync(worker, job)).ShouldBe([("unreadable", "e/c1")]);
        job.GetProperty("counts").GetProperty("compared").GetInt64().ShouldBe(2);
    }

    [Fact]
    public async Task Verify_MetadataInTheArchiveDamaged_IsOneFinding()
    {
        await using var worker = CreateWorker();
        await worker.StartAsync();
        await PutAsync(worker, "e", 3);
        await worker.SpoilMetadataAsync("c1");

        var job = await worker.RunAsync("verify", new { against = "cache" });

        (await FindingsAsync(worker, job)).ShouldBe([("unreadable", "e/c1")]);
        job.GetProperty("counts").GetProperty("compared").GetInt64().ShouldBe(2);
    }

    [Fact]
    public async Task Verify_SavesAndDeletionsStillQueued_FindsNothing()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var worker = CreateWorker();
        worker["ConnectionStrings__RabbitMq"] = broker.ConnectionString;
        worker["Worker__RescueAfter"] = "00:10:00";
        await worker.StartAsync();
        await PutAsync(worker, "e", 3);
        await PutAsync(worker, "cleared", 3);
        await broker.CutAsync();
        using var host = await StartClientAsync();
        var client = host.Services.GetRequiredService<ICheckpointClient>();
        for (var i = 0; i < 10; i++)
        {
            await SaveAsync("e", $"new-{i}");
        }

        await SaveAsync("e", "c0");
        await client.DeleteAsync(new CheckpointKey("e", "", "c1"), Durability.Queued);
        await client.ClearAsync("cleared", Durability.Queued);

        var job = await worker.RunAsync("verify", new { against = "cache" });

        (await FindingsAsync(worker, job)).ShouldBeEmpty();
        job.GetProperty("counts").GetProperty("compared").GetInt64().ShouldBe(2);
        await host.StopAsync();

        Task SaveAsync(string execution, string id) => client.SaveAsync(
            new Checkpoint { ExecutionId = execution, Id = id, State = "new"u8.ToArray() }, new SaveOptions { Durability = Durability.Queued });
    }

    [Fact]
    public async Task Verify_RepairsOfRedisStillInTheOutbox_FindsNothing()
    {
        await using var worker = CreateWorker();
        worker["Worker__OutboxInterval"] = "00:00:03";
        await worker.StartAsync();
        await PutAsync(worker, "e", 5);
        await worker.RunAsync("retention", new { rules = new[] { new { keepLast = 2 } } });

        var job = await worker.RunAsync("verify", new { against = "cache" });

        (await FindingsAsync(worker, job)).ShouldBeEmpty();
    }

    [Fact]
    public async Task CompareAsync_CacheKeepsAnOldOneThatIsPending_LacksNothing()
    {
        await using var worker = new JobWorker();
        await using var archive = worker.OpenArchive();
        await JobWorker.FillAsync(archive, 10);
        var cache = new InProcessCheckpointCache(TimeProvider.System);
        using var link = new CacheLink(cache, new SequenceClock(TimeProvider.System), TimeProvider.System, NullLogger<CacheLink>.Instance);
        await using var right = new CacheSource(link, CheckpointLimits.DefaultMaxStateBytes);
        await using var left = new ArchiveSource(archive, isOwned: false);
        foreach (var (i, isPending) in new[] { (7, false), (8, false), (0, true) })
        {
            await cache.PutAsync(CheckpointCodec.Encode(JobWorker.Make(i)), JobWorker.Make(i).Sequence, default, isPending, default);
        }

        var result = await new ExecutionComparison(left, right, archive, archive, long.MaxValue, TimeProvider.System).CompareAsync("e-000000", default);

        result.Findings.ShouldBeEmpty();
        result.Compared.ShouldBe(3);
    }

    [Fact]
    public async Task CompareAsync_MembersInAnotherOrder_AreEqualAndOtherValuesAreNot()
    {
        await using var worker = new JobWorker();
        await using var mine = worker.OpenArchive(Path.Combine(worker.Folder, "mine.db"));
        await using var other = worker.OpenArchive(Path.Combine(worker.Folder, "other.db"));
        await FillAsync(mine, """{"a":{"x":1,"y":[1,2]},"b":"t"}""", """{"n":1.0}""", """{"n":[1,2]}""");
        await FillAsync(other, """{"b":"t","a":{"y":[1,2],"x":1}}""", """{"n":1}""", """{"n":[2,1]}""");
        await using var left = new ArchiveSource(mine, isOwned: false);
        await using var right = new ArchiveSource(other, isOwned: false);

        var result = await new ExecutionComparison(left, right, mine, mine, long.MaxValue, TimeProvider.System).CompareAsync("e", default);

        result.Findings.Select(finding => (finding.Kind, finding.Subject)).ShouldBe([("fields", "e/c2")]);

        static async Task FillAsync(ICheckpointArchive archive, params string[] metadata)
        {
            await archive.MigrateAsync(default);
            var saves = metadata.Select((text, i) => new ArchiveSave(
                new Checkpoint { ExecutionId = "e", Id = $"c{i}", Sequence = i + 1, Metadata = JsonElement.Parse(text), CreatedAt = DateTimeOffset.UnixEpoch }, SHA256.HashData([]), false));
            await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, [.. saves], [])], []), default);
        }
    }

    private static async Task PutAsync(JobWorker worker, string execution, int count)
    {
        for (var i = 0; i < count; i++)
        {
            (await worker.Http.PutAsync($"/executions/{execution}/checkpoints/c{i}?durability=persisted", new StringContent($"{i}"))).EnsureSuccessStatusCode();
        }
    }

    private static Task<IReadOnlyList<(string Kind, string Subject)>> FindingsAsync(JobWorker worker, JsonElement job) =>
        worker.FindingsAsync(job.GetProperty("id").GetString()!);

    private JobWorker CreateWorker()
    {
        var worker = new JobWorker();
        worker.UseServers(_prefix);
        return worker;
    }

    private async Task<IHost> StartClientAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddAsyncCheckpoints(options =>
        {
            options.Redis = SharedServers.Redis;
            options.RabbitMq = SharedServers.RabbitMq;
            options.Prefix = _prefix;
            options.ShardCount = JobWorker.ShardCount;
        });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }
}
