using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Client;

public sealed class RegistrationTests
{
    /// <summary>Its saves go on through Redis: the application stays ready.</summary>
    [Fact]
    public async Task Health_BrokerIsAway_IsDegraded()
    {
        await using var broker = TcpProxy.Start(SharedServers.RabbitMq);
        await using var deployment = new Deployment(ArchiveKind.Sqlite) { ["ConnectionStrings:RabbitMq"] = broker.ConnectionString };
        await deployment.StartWorkerAsync();
        var client = await deployment.StartClientAsync(options => options.BrokerTimeout = TimeSpan.FromMilliseconds(500));
        var health = client.Services.GetRequiredService<HealthCheckService>();

        // Until it has waited for an answer, the client has no endpoint on the broker to be asked about.
        var checkpoints = client.Services.GetRequiredService<ICheckpointClient>();
        (await checkpoints.SaveAsync(new Checkpoint { ExecutionId = "run" }, Durability.Persisted)).Reached.ShouldBe(Durability.Persisted);
        await Deployment.UntilAsync(async () => (await health.CheckHealthAsync()).Status == HealthStatus.Healthy, "the client is healthy");

        await broker.CutAsync();
        HealthReportEntry bus = default;
        await Deployment.UntilAsync(
            async () =>
            {
                bus = (await health.CheckHealthAsync()).Entries.Values.Single();
                return bus.Description!.StartsWith("Not ready", StringComparison.Ordinal);
            },
            "MassTransit has given the bus up for now");
        bus.Status.ShouldBe(HealthStatus.Degraded);
        (await checkpoints.SaveAsync(new Checkpoint { ExecutionId = "run" })).Reached.ShouldBe(Durability.Cached);
        broker.Restore();
    }

    [Fact]
    public void AddAsyncCheckpoints_Section_IsBoundAndThenChanged()
    {
        var services = new ServiceCollection();
        services.AddAsyncCheckpoints(
            SectionOf(
                "Checkpoints",
                ("Redis", "127.0.0.1:1"),
                ("RabbitMq", "amqp://127.0.0.1:1"),
                ("prefix", "mine"),
                ("DefaultDurability", "Cached"),
                ("CacheTtl", "1.00:00:00"),
                ("CompressAboveBytes", "1024")),
            options => options.ShardCount = 16);
        using var provider = services.BuildServiceProvider();
        var options = provider.GetRequiredService<IOptions<CheckpointOptions>>().Value;
        (options.Redis, options.RabbitMq, options.Prefix).ShouldBe(("127.0.0.1:1", "amqp://127.0.0.1:1", "mine"));
        (options.DefaultDurability, options.CacheTtl, options.CompressAboveBytes, options.ShardCount).ShouldBe((Durability.Cached, TimeSpan.FromDays(1), 1024, 16));
    }

    [Theory]
    [InlineData("Prefx", "other", "Checkpoints:Prefx is no setting; Redis, RabbitMq, Prefix")]
    [InlineData("Redis:Host", "127.0.0.1", "Checkpoints:Redis has settings below it; a value is required.")]
    [InlineData("BatchMaxItems", "0", "Checkpoints:BatchMaxItems is 0; 1 to 10000 is allowed")]
    [InlineData("RabbitMq", "127.0.0.1", "Checkpoints:RabbitMq is not set to a URI")]
    public async Task AddAsyncCheckpoints_SectionWithAnUnusableSetting_IsRefusedAtStart(string setting, string value, string reason)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddAsyncCheckpoints(SectionOf("Checkpoints", ("Redis", "127.0.0.1:1"), ("RabbitMq", "amqp://127.0.0.1:1"), (setting, value)));
        using var host = builder.Build();
        (await Should.ThrowAsync<OptionsValidationException>(() => host.StartAsync())).Message.ShouldContain(reason);
    }

    [Fact]
    public void AddCheckpointSpool_Section_IsBoundStrictly()
    {
        SpoolOptions(("SpoolPath", "spool.db"), ("MaxSpoolBytes", "2097152")).MaxSpoolBytes.ShouldBe(2 * 1024 * 1024);
        Should.Throw<OptionsValidationException>(() => SpoolOptions(("SpoolPath", "spool.db"), ("MaxSpolBytes", "2097152")))
            .Message.ShouldContain("Spool:MaxSpolBytes is no setting; SpoolPath, MaxSpoolBytes are allowed.");

        static CheckpointSpoolOptions SpoolOptions(params (string Name, string Value)[] settings)
        {
            using var provider = new ServiceCollection().AddCheckpointSpool(SectionOf("Spool", settings)).BuildServiceProvider();
            return provider.GetRequiredService<IOptions<CheckpointSpoolOptions>>().Value;
        }
    }

    [Fact]
    public void AddAsyncCheckpoints_Again_SaysThatThereIsOne()
    {
        var services = new ServiceCollection();
        services.AddAsyncCheckpoints(static _ => { });
        Should.Throw<InvalidOperationException>(() => services.AddAsyncCheckpoints(static _ => { })).Message.ShouldContain("call AddAsyncCheckpoints once");

        var worker = new ServiceCollection().AddCheckpointWorker(new ConfigurationBuilder().Build());
        Should.Throw<InvalidOperationException>(() => worker.AddAsyncCheckpoints(static _ => { })).Message.ShouldContain("have an AsyncCheckpoints client already");
    }

    private static IConfigurationSection SectionOf(string name, params (string Name, string Value)[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Reverse().DistinctBy(setting => setting.Name).ToDictionary(setting => $"{name}:{setting.Name}", string? (setting) => setting.Value))
        .Build()
        .GetSection(name);
}
