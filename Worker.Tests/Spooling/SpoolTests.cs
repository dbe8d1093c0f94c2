using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Spool;
using AsyncCheckpoints.Spooling;
using AsyncCheckpoints.Tests.Diagnostics;
using AsyncCheckpoints.Tests.Http;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Spooling;

public sealed class SpoolTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("spool");

    private string SpoolPath => Path.Combine(_folder.FullName, "spool.db");

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

    /// <summary>What was acknowledged as spooled may be in that file alone: somebody has to be told.</summary>
    [Fact]
    public async Task Start_SpoolThatCannotBeRead_IsLoggedWithItsPathAndDrainedOnceItCan()
    {
        await FillAsync();
        var kept = $"{SpoolPath}.kept";
        File.Copy(SpoolPath, kept);
        using (var file = File.OpenWrite(SpoolPath))
        {
            file.Write(new byte[100]);
        }

        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var log = new LogRecorder();
        var (host, _) = await StartClientAsync(deployment, isRedisAway: false, log: log);
        var spool = host.Services.GetRequiredService<ICommandSpool>();
        using var meter = new MeterRecorder(host);

        await Deployment.UntilAsync(() => Task.FromResult(log.Lines.Any(IsOfTheDrain)), "the log tells of it");
        meter.Observe();
        meter.Instruments.Keys.ShouldContain("asynccheckpoints.spool.size");
        meter.Measurements.ShouldNotContain(one => one.Name == "asynccheckpoints.spool.size");

        File.Move(kept, SpoolPath, overwrite: true);
        await Deployment.UntilAsync(() => Task.FromResult(spool.IsEmpty), "the spool is drained");
        meter.Observe();
        meter.Measurements.Where(one => one.Name == "asynccheckpoints.spool.size").ShouldHaveSingleItem().Value.ShouldBe(0);

        bool IsOfTheDrain(string line) => line.StartsWith($"Error The spool {SpoolPath} could not be read", StringComparison.Ordinal);
    }

    /// <summary>What the drain is sending then is no failure of the application.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stop_FilledSpoolAndBrokerAway_LogsNoError(bool isFrozen)
    {
        await FillAsync();
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        if (isFrozen)
        {
            broker.Freeze();
        }
        else
        {
            await broker.CutAsync();
        }

        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        deployment["ConnectionStrings:RabbitMq"] = broker.ConnectionString;
        var log = new LogRecorder();
        var (host, _) = await StartClientAsync(deployment, isRedisAway: false, brokerSeconds: 300, log: log);
        // From here on the drain has messages in hand, and no answer.
        await Deployment.UntilAsync(() => Task.FromResult(log.Lines.Any(line => line.Contains("bytes of messages wait in the spool"))), "the spool is open");

        await deployment.StopAsync(host);

        log.Lines.Where(line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Critical", StringComparison.Ordinal)).ShouldBeEmpty();
    }

    private static Checkpoint At(int step) => new() { ExecutionId = "run", Version = step, State = BitConverter.GetBytes(step) };

    private async Task FillAsync()
    {
        using var spool = new SqliteCommandSpool(
            Options.Create(new CheckpointSpoolOptions { SpoolPath = SpoolPath }), TimeProvider.System, NullLogger<SqliteCommandSpool>.Instance);
        (await spool.TryAppendAsync(new CheckpointCommands { SchemaVersion = 1, CommandId = "kept" })).ShouldBeTrue();
    }

    private async Task<(Microsoft.Extensions.Hosting.IHost Host, ICheckpointClient Client)> StartClientAsync(
        Deployment deployment, bool isRedisAway, double brokerSeconds = 0.5, double drainSeconds = 5, LogRecorder? log = null)
    {
        var host = await deployment.StartClientAsync(
            options =>
            {
                options.BrokerTimeout = TimeSpan.FromSeconds(brokerSeconds);
                options.CacheTimeout = isRedisAway ? TimeSpan.FromMilliseconds(500) : TimeSpan.FromSeconds(8);
                options.DrainTimeout = TimeSpan.FromSeconds(drainSeconds);
            },
            services =>
            {
                services.AddCheckpointSpool(options => options.SpoolPath = SpoolPath);
                if (log is not null)
                {
                    services.AddLogging(logging => logging.AddProvider(log));
                }
            });
        return (host, host.Services.GetRequiredService<ICheckpointClient>());
    }
}
