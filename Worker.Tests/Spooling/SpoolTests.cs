using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Spooling;

public sealed class SpoolTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("spool");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SaveAsync_BrokerAway_IsSpooledAndArchivedAfterARestart(bool isRedisAway)
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var redis = TcpProxy.Start(SharedServers.Redis);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        deployment["Worker:RescueAfter"] = "1.00:00:00"; // The spool has to do it.
        var worker = await deployment.StartWorkerAsync();
        deployment["ConnectionStrings:RabbitMq"] = broker.ConnectionString;
        deployment["ConnectionStrings:Redis"] = redis.ConnectionString;
        var client = await StartClientAsync(deployment, isRedisAway);
        await client.Client.SaveAsync(At(0));
        await broker.CutAsync();
        if (isRedisAway)
        {
            await redis.CutAsync();
        }

        var saved = new List<SaveResult>();
        for (var i = 1; i <= 20; i++)
        {
            saved.Add(await client.Client.SaveAsync(At(i)));
        }

        saved.ShouldAllBe(result => result.Reached == (isRedisAway ? Durability.Buffered : Durability.Cached));
        saved.ShouldAllBe(result => result.Cached == !isRedisAway);
        saved.ShouldContain(result => result.Spooled);
        await deployment.StopAsync(client.Host);

        broker.Restore();
        redis.Restore();
        await StartClientAsync(deployment, isRedisAway);
        var expected = isRedisAway ? saved : saved.Where(result => result.Spooled).ToList();
        await Deployment.UntilAsync(
            async () =>
            {
                var archived = (await Deployment.ArchivedAsync(worker, "run")).Select(checkpoint => checkpoint.Key).ToHashSet();
                return expected.TrueForAll(result => archived.Contains(result.Key));
            },
            "what was spooled is archived");
        (await Deployment.ArchivedAsync(worker, "run"))[0].Version.ShouldBe(20);
    }

    /// <summary>All of it does not get through in the time that one message may take; the part that does need not go again.</summary>
    [Fact]
    public async Task Drain_SlowConnection_Ends()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        var worker = await deployment.StartWorkerAsync();
        deployment["ConnectionStrings:RabbitMq"] = broker.ConnectionString;
        var client = await StartClientAsync(deployment, isRedisAway: false, brokerSeconds: 3);
        await client.Client.SaveAsync(At(0));
        await broker.CutAsync();
        var saved = new List<SaveResult>();
        for (var i = 1; i <= 12; i++)
        {
            saved.Add(await client.Client.SaveAsync(new Checkpoint { ExecutionId = "slow", State = new byte[1024 * 1024] }));
        }

        saved.ShouldContain(result => result.Spooled);
        broker.Delay = TimeSpan.FromMilliseconds(5);
        broker.Restore();
        await Deployment.UntilAsync(
            async () => (await Deployment.ArchivedAsync(worker, "slow")).Count >= saved.Count(result => result.Spooled) && client.Host.Services
                .GetRequiredService<ICommandSpool>().Bytes == 0,
            "the spool is empty");
    }

    /// <summary>One that does not get through in BrokerTimeout gets the time that its size needs.</summary>
    [Fact]
    public async Task Drain_SlowConnectionAndALargeState_Ends()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        deployment["Worker:RescueAfter"] = "1.00:00:00"; // The spool has to do it.
        var worker = await deployment.StartWorkerAsync();
        deployment["ConnectionStrings:RabbitMq"] = broker.ConnectionString;
        var client = await StartClientAsync(deployment, isRedisAway: false);
        await client.Client.SaveAsync(At(0));
        await broker.CutAsync();
        (await client.Client.SaveAsync(new Checkpoint { ExecutionId = "slow", State = new byte[4 * 1024 * 1024] })).Spooled.ShouldBeTrue();
        (await client.Client.SaveAsync(new Checkpoint { ExecutionId = "slow", Id = "last" })).Spooled.ShouldBeTrue();
        broker.Delay = TimeSpan.FromMilliseconds(20); // Some 1.3 s for the state; BrokerTimeout is 0.5 s.
        broker.Restore();
        await Deployment.UntilAsync(
            async () => (await Deployment.ArchivedAsync(worker, "slow")).Count == 2 && client.Host.Services.GetRequiredService<ICommandSpool>().IsEmpty,
            "the spool is empty");
        (await Deployment.ArchivedAsync(worker, "slow"))[0].Id.ShouldBe("last");
    }

    /// <summary>They wait for Redis when the client has no more time: into the spool with them, not away.</summary>
    [Fact]
    public async Task Dispose_BufferedSavesOnTheirWayToRedis_AreSpooled()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var redis = TcpProxy.Start(SharedServers.Redis);
        await using var deployment = new Deployment(ArchiveKind.Postgres);
        deployment["Worker:RescueAfter"] = "1.00:00:00"; // The spool has to do it.
        var worker = await deployment.StartWorkerAsync();
        deployment["ConnectionStrings:RabbitMq"] = broker.ConnectionString;
        deployment["ConnectionStrings:Redis"] = redis.ConnectionString;
        var client = await StartClientAsync(deployment, isRedisAway: false, drainSeconds: 0.1);
        await client.Client.SaveAsync(At(0));
        await broker.CutAsync();
        redis.Freeze();
        for (var i = 1; i <= 5; i++)
        {
            client.Client.TrySave(At(i)).ShouldBeTrue();
        }

        await deployment.StopAsync(client.Host);
        redis.Thaw();
        broker.Restore();
        await StartClientAsync(deployment, isRedisAway: false);
        await Deployment.UntilAsync(async () => (await Deployment.ArchivedAsync(worker, "run")).Count == 6, "all of them are archived");
    }

    private static Checkpoint At(int step) => new() { ExecutionId = "run", Version = step, State = BitConverter.GetBytes(step) };

    private async Task<(Microsoft.Extensions.Hosting.IHost Host, ICheckpointClient Client)> StartClientAsync(
        Deployment deployment, bool isRedisAway, double brokerSeconds = 0.5, double drainSeconds = 5)
    {
        var host = await deployment.StartClientAsync(
            options =>
            {
                options.BrokerTimeout = TimeSpan.FromSeconds(brokerSeconds);
                options.CacheTimeout = isRedisAway ? TimeSpan.FromMilliseconds(500) : TimeSpan.FromSeconds(8);
                options.DrainTimeout = TimeSpan.FromSeconds(drainSeconds);
            },
            services => services.AddCheckpointSpool(options => options.SpoolPath = Path.Combine(_folder.FullName, "spool.db")));
        return (host, host.Services.GetRequiredService<ICheckpointClient>());
    }
}
