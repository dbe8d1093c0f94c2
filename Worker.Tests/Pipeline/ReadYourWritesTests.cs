using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Tests.Servers;
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

    private static async Task EmptyAsync(string redis)
    {
        using var connection = await ConnectionMultiplexer.ConnectAsync($"{redis},allowAdmin=true");
        await connection.GetServer(redis).FlushAllDatabasesAsync();
    }
}
