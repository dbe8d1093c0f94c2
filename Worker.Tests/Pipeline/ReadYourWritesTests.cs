using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Tests.Servers;
using MassTransit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using StackExchange.Redis;
using Xunit;

namespace AsyncCheckpoints.Tests.Pipeline;

public sealed class ReadYourWritesTests
{
    private const int Tasks = 32;
    private const int Saves = 10_000;

    [Fact]
    public async Task Load_AfterEachOf10000Saves_FindsItByIdAndAsLatest()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        await Task.WhenAll(Enumerable.Range(0, Tasks).Select(task => Task.Run(async () =>
        {
            for (var i = task; i < Saves; i += Tasks)
            {
                var saved = await client.SaveAsync(
                    new Checkpoint { ExecutionId = $"run-{task}", Version = i, State = BitConverter.GetBytes(i) },
                    new SaveOptions { Durability = i % 2 == 0 ? Durability.Cached : Durability.Queued });
                (await client.LoadAsync(saved.Key)).ShouldNotBeNull().State.ToArray().ShouldBe(BitConverter.GetBytes(i));
                (await client.LoadLatestAsync($"run-{task}")).ShouldNotBeNull().Id.ShouldBe(saved.Key.Id);
            }
        })));
    }

    [Fact]
    public async Task Load_AfterRedisWasEmptied_FindsEveryPersistedSaveInTheArchive()
    {
        await using var servers = await ServerSet.StartAsync(ServerKind.Redis);
        await using var deployment = new Deployment(ArchiveKind.Postgres) { ["ConnectionStrings:Redis"] = servers.Redis };
        await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync();
        for (var round = 0; round < 5; round++)
        {
            var saved = await Task.WhenAll(Enumerable.Range(0, 2 * Tasks).Select(async i => await client.SaveAsync(
                new Checkpoint { ExecutionId = $"run-{i % Tasks}", Version = (round * 100) + i, State = BitConverter.GetBytes(i) },
                new SaveOptions { Durability = Durability.Persisted })));
            await EmptyAsync(servers.Redis);
            foreach (var result in saved)
            {
                (await client.LoadAsync(result.Key)).ShouldNotBeNull().Sequence.ShouldBe(result.Sequence);
            }

            foreach (var stream in saved.GroupBy(result => result.Key.ExecutionId))
            {
                // The first is a cold read, the second finds what that one warmed.
                var latest = stream.MaxBy(result => result.Sequence)!;
                (await client.LoadLatestAsync(stream.Key)).ShouldNotBeNull().Id.ShouldBe(latest.Key.Id);
                (await client.LoadLatestAsync(stream.Key)).ShouldNotBeNull().Id.ShouldBe(latest.Key.Id);
                var listed = await client.ListAsync(new CheckpointQuery { ExecutionId = stream.Key });
                listed.Items.Count.ShouldBe(2 * (round + 1));
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Load_ThroughExpiryOfTheCache_FindsItInTheArchive(bool isEmbedded)
    {
        await using var deployment = new Deployment(isEmbedded ? ArchiveKind.Sqlite : ArchiveKind.Postgres, isEmbedded);
        deployment["Checkpoints:CacheTtl"] = "00:00:00.200";
        var worker = await deployment.StartWorkerAsync();
        var client = await deployment.CreateClientAsync(options => options.CacheTtl = TimeSpan.FromMilliseconds(200));
        var saved = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => client.SaveAsync(
            new Checkpoint { ExecutionId = $"run-{i % 5}", State = BitConverter.GetBytes(i) }, new SaveOptions { Durability = Durability.Persisted })));
        await Deployment.UntilAsync(
            async () => (await Deployment.CacheOf(worker).LoadAsync(saved[0].Key, CancellationToken.None)).Status == CacheReadStatus.Unknown,
            "the cache has let go of the stream");
        foreach (var result in saved)
        {
            (await client.LoadAsync(result.Key)).ShouldNotBeNull().Sequence.ShouldBe(result.Sequence);
            var latest = saved.Where(other => other.Key.ExecutionId == result.Key.ExecutionId).MaxBy(other => other.Sequence)!;
            (await client.LoadLatestAsync(result.Key.ExecutionId)).ShouldNotBeNull().Id.ShouldBe(latest.Key.Id);
        }
    }

    /// <summary>Redis had let go of it when it was asked, the archive has only the version before: there is one at every moment.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Load_SavedAgainWhileTheArchiveIsAsked_FindsIt(bool isLatest)
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var deployment = new Deployment(ArchiveKind.Postgres) { ["Worker:RescueAfter"] = "1.00:00:00" };
        await deployment.StartWorkerAsync();
        var reader = await deployment.StartClientAsync();
        deployment["ConnectionStrings:RabbitMq"] = broker.ConnectionString;
        var writer = await deployment.CreateClientAsync(options => options.CacheTtl = TimeSpan.FromMilliseconds(200));
        var persisted = new SaveOptions { Durability = Durability.Persisted };
        await writer.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "a" }, persisted);
        var key = (await writer.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "b", Version = 1 }, persisted)).Key;
        await UntilExpiredAsync(reader, key);
        await broker.CutAsync(); // The next version stays in Redis.

        var again = new BeforeAsking(() => writer.SaveAsync(
            new Checkpoint { ExecutionId = "run", Id = "b", Version = 2 }, new SaveOptions { Durability = Durability.Cached }));
        var bus = reader.Services.GetRequiredService<ICheckpointBus>();
        bus.ConnectSendObserver(again);
        bus.ConnectPublishObserver(again);
        var client = reader.Services.GetRequiredService<ICheckpointClient>();
        var found = isLatest ? await client.LoadLatestAsync("run") : await client.LoadAsync(key);
        again.Times.ShouldBeGreaterThan(0);
        found.ShouldNotBeNull().Id.ShouldBe("b");
        found.Version.ShouldBe(2);
        broker.Restore();
    }

    /// <summary>It is an id like any other.</summary>
    [Fact]
    public async Task ListExecutions_CheckpointCalledAsteriskWasDeleted_StillHasTheExecution()
    {
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        await deployment.StartWorkerAsync();
        var host = await deployment.StartClientAsync(options => options.CacheTtl = TimeSpan.FromMilliseconds(200));
        var client = host.Services.GetRequiredService<ICheckpointClient>();
        var kept = (await client.SaveAsync(new Checkpoint { ExecutionId = "run", Id = "kept" }, new SaveOptions { Durability = Durability.Persisted })).Key;
        await client.DeleteAsync(new CheckpointKey("run", "*"), Durability.Persisted);
        await UntilExpiredAsync(host, kept);
        (await client.ListExecutionsAsync()).Items.ShouldBe(["run"]);

        await client.ClearAsync("run", Durability.Persisted);
        (await client.ListExecutionsAsync()).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task Reads_RedisAwayAndStaleOnesAllowed_AnswerFromTheArchive()
    {
        await using var redis = TcpProxy.Start(SharedServers.Redis);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        await deployment.StartWorkerAsync();
        deployment["ConnectionStrings:Redis"] = redis.ConnectionString;
        var client = await deployment.CreateClientAsync(options => (options.AllowStaleReads, options.CacheTimeout) = (true, TimeSpan.FromSeconds(1)));
        var saved = await client.SaveAsync(new Checkpoint { ExecutionId = "run" }, new SaveOptions { Durability = Durability.Persisted });
        await redis.CutAsync();
        (await client.LoadAsync(saved.Key)).ShouldNotBeNull();
        (await client.LoadLatestAsync("run")).ShouldNotBeNull();
        (await client.ListAsync(new CheckpointQuery { ExecutionId = "run" })).Items.Count.ShouldBe(1);
        (await client.ListExecutionsAsync()).Items.ShouldBe(["run"]);
        (await client.ListExecutionsAsync(contains: "u")).Items.ShouldBe(["run"]);
        await Should.ThrowAsync<CheckpointUnavailableException>(() => client.LoadLatestAsync("unknown"));
    }

    private static Task UntilExpiredAsync(IHost host, CheckpointKey key) => Deployment.UntilAsync(
        async () =>
        {
            try
            {
                return (await Deployment.CacheOf(host).LoadAsync(key, CancellationToken.None)).Status == CacheReadStatus.Unknown;
            }
            catch (CheckpointUnavailableException)
            {
                return false; // On a busy machine a connection takes its time.
            }
        },
        "the cache has let go of the stream");

    private static async Task EmptyAsync(string redis)
    {
        using var connection = await ConnectionMultiplexer.ConnectAsync($"{redis},allowAdmin=true");
        await connection.GetServer(redis).FlushAllDatabasesAsync();
    }

    /// <summary>Does something before each question to the worker leaves.</summary>
    private sealed class BeforeAsking(Func<Task> act) : ISendObserver, IPublishObserver
    {
        public int Times { get; private set; }

        public Task PreSend<T>(SendContext<T> context)
            where T : class => ActAsync();

        public Task PrePublish<T>(PublishContext<T> context)
            where T : class => ActAsync();

        public Task PostSend<T>(SendContext<T> context)
            where T : class => Task.CompletedTask;

        public Task SendFault<T>(SendContext<T> context, Exception exception)
            where T : class => Task.CompletedTask;

        public Task PostPublish<T>(PublishContext<T> context)
            where T : class => Task.CompletedTask;

        public Task PublishFault<T>(PublishContext<T> context, Exception exception)
            where T : class => Task.CompletedTask;

        private Task ActAsync()
        {
            Times++;
            return act();
        }
    }
}
