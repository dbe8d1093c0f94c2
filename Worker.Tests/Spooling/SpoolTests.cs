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

    private static Checkpoint At(int step) => new() { ExecutionId = "run", Version = step, State = BitConverter.GetBytes(step) };

    private async Task<(Microsoft.Extensions.Hosting.IHost Host, ICheckpointClient Client)> StartClientAsync(Deployment deployment, bool isRedisAway)
    {
        var host = await deployment.StartClientAsync(
            options =>
            {
                options.BrokerTimeout = TimeSpan.FromMilliseconds(500);
                options.CacheTimeout = isRedisAway ? TimeSpan.FromMilliseconds(500) : TimeSpan.FromSeconds(8);
                options.DrainTimeout = TimeSpan.FromSeconds(5);
            },
            services => services.AddCheckpointSpool(options => options.SpoolPath = Path.Combine(_folder.FullName, "spool.db")));
        return (host, host.Services.GetRequiredService<ICheckpointClient>());
    }
}
