using AsyncCheckpoints.Caching;
using AsyncCheckpoints.InProcess;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Consumers;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Health;
using AsyncCheckpoints.Worker.Http.Access;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Jobs.Export;
using AsyncCheckpoints.Worker.Outbox;
using AsyncCheckpoints.Worker.Rescue;
using AsyncCheckpoints.Worker.Retention;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage.Sqlite;
using MassTransit;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>Registers the worker.</summary>
public static class CheckpointWorkerExtensions
{
    /// <summary>
    /// Adds the worker with the parts that the configuration names: <c>ConnectionStrings:Redis</c> and
    /// <c>ConnectionStrings:RabbitMq</c> (both or neither: then cache and bus are in this process) and
    /// <c>ConnectionStrings:Postgres</c> (else SQLite). Sections <c>Checkpoints</c>, <c>Worker</c>,
    /// <c>Jobs</c> and <c>Retention</c> hold the rest.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configuration">The configuration.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="OptionsValidationException">
    /// Redis is given without RabbitMQ, or the other way round. At start: a setting is unknown or out of bounds.
    /// </exception>
    public static IServiceCollection AddCheckpointWorker(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        var parts = WorkerParts.From(configuration);
        return services
            .AddOptions(configuration, parts)
            .AddDiagnostics(configuration)
            .AddStorage(parts)
            .AddCache(parts)
            .AddArchiving(parts)
            .AddBus(parts)
            .AddCheckpointClient()
            .AddJobs(configuration)
            .AddDuty<OutboxDelivery<EventPublisher>>()
            .AddDuty<OutboxDelivery<CacheRepair>>()
            .AddDuty<PendingRescuer>()
            .AddDuty<ArchivePurge>()
            .AddDuty<JobRunner>()
            .AddDuty<ExportLeftovers>()
            .AddDuty<RetentionSchedule>()
            .AddDuty<BacklogSampler>()
            .AddWorkerHealth(parts);
    }

    private static IServiceCollection AddOptions(this IServiceCollection services, IConfiguration configuration, WorkerParts parts)
    {
        services.AddOptions<WorkerOptions>()
            .BindStrictly(configuration.GetSection("Worker"), "Http")
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<WorkerOptions>, WorkerOptionsValidator>();
        services.AddOptions<CheckpointOptions>()
            .Configure(options =>
            {
                // In this process the queue is not durable: what is acknowledged has to be on disk.
                options.DefaultDurability = parts.IsEmbedded ? Durability.Persisted : Durability.Queued;
                options.Redis = parts.Redis;
                options.RabbitMq = parts.RabbitMq;
            })
            .BindStrictly(configuration.GetSection("Checkpoints"));
        foreach (var server in (string[])[nameof(CheckpointOptions.Redis), nameof(CheckpointOptions.RabbitMq)])
        {
            // A client's. Of two settings for one server, parts of the worker would follow the one and parts the other.
            services.AddOptions<CheckpointOptions>().Validate(
                _ => !configuration.GetSection($"Checkpoints:{server}").Exists(),
                $"Checkpoints:{server} is no setting of the worker; set ConnectionStrings:{server}.");
        }

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(parts);
        services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(25));
        return services;
    }

    /// <summary>First, so that these stop last.</summary>
    private static IServiceCollection AddDiagnostics(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddMetrics();
        services.AddApiAccess();
        services.AddOptions<OtlpOptions>()
            .Configure(options =>
            {
                options.Endpoint = configuration["OTEL_EXPORTER_OTLP_ENDPOINT"];
                options.Protocol = configuration["OTEL_EXPORTER_OTLP_PROTOCOL"] is { Length: > 0 } protocol ? protocol : options.Protocol;
            })
            .BindStrictly(configuration.GetSection("Otlp"))
            .ValidateOnStart();
        services.AddSingleton<IValidateOptions<OtlpOptions>, OtlpOptionsValidator>();
        services.AddSingletonHostedService<OpenTelemetryExport>();
        services.AddSingleton<Backlog>();
        services.AddSingleton<StatsHistory>();
        services.AddSingleton<WorkerMetrics>();
        services.AddSingletonHostedService<MetricCollector>();
        return services;
    }

    private static IServiceCollection AddStorage(this IServiceCollection services, WorkerParts parts)
    {
        services.AddSingleton<ICheckpointArchive>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<WorkerOptions>>().Value;
            return parts.Postgres is { } connectionString
                ? new PostgresArchive(
                    new PostgresArchiveOptions { ConnectionString = connectionString, Schema = options.Schema, TablePrefix = options.TablePrefix },
                    provider.GetRequiredService<ILoggerFactory>())
                : new SqliteArchive(
                    new SqliteArchiveOptions { Path = Path.Combine(options.DataPath, "checkpoints.db"), TablePrefix = options.TablePrefix },
                    provider.GetRequiredService<TimeProvider>());
        });
        return services;
    }

    private static IServiceCollection AddCache(this IServiceCollection services, WorkerParts parts) => parts.IsEmbedded
        ? services
            .AddSingleton(provider => new InProcessCheckpointCache(provider.GetRequiredService<TimeProvider>()))
            .AddSingleton<ICheckpointCache>(provider => provider.GetRequiredService<InProcessCheckpointCache>())
        : services.AddRedisCache();

    private static IServiceCollection AddArchiving(this IServiceCollection services, WorkerParts parts)
    {
        services.AddSingleton<ArchiveState>();
        services.AddSingleton(provider => new CommandReader(provider.GetRequiredService<IOptions<CheckpointOptions>>().Value.MaxStateBytes));
        services.AddSingleton<CacheRefill>();
        services.AddSingleton<Answers>();
        services.AddSingleton<ConsumptionWatch>();
        services.AddSingleton<CommandIntake>();
        services.AddSingleton<EventPublisher>();
        services.AddSingleton<CacheRepair>();

        // Stopped in reverse: the buses first, then the writer, and what it has committed is settled last.
        services.AddSingletonHostedService<PendingSettler>();
        services.AddSingletonHostedService<ArchiveWriter>();
        services.AddSingletonHostedService<ConsumptionGate>();
        if (parts.IsEmbedded)
        {
            // Before the client, which takes its time from the cache.
            services.AddHostedService<EmbeddedClock>();
        }
        else
        {
            // A cache in this process does not come back without its last writes.
            services.AddDuty<CacheLossCheck>();
        }

        return services;
    }

    private static IServiceCollection AddBus(this IServiceCollection services, WorkerParts parts)
    {
        services.AddOptions<MassTransitHostOptions>().Configure(options => options.StopTimeout = TimeSpan.FromSeconds(15));
        if (parts.IsEmbedded)
        {
            services.AddSingleton(provider => Routes.InProcess(NamesOf(provider)));
            services.AddSingleton<IQueueDepth, InProcessQueueDepth>();
            services.AddMassTransit<ICheckpointBus, CheckpointBus>(bus =>
            {
                AddConsumers(bus);
                bus.UsingInMemory((context, memory) =>
                {
                    RabbitMqTopology.UseProtobuf(memory);
                    Connect(context, memory);
                    memory.ConfigureEndpoints(context);
                });
            });
            return services;
        }

        services.AddSingleton<IQueueDepth>(provider => new RabbitMqQueueDepth(parts.RabbitMq!, NamesOf(provider)));
        services.AddMassTransit<IWorkerBus, WorkerBus>(bus =>
        {
            AddConsumers(bus);
            bus.UsingRabbitMq((context, rabbit) =>
            {
                RabbitMqTopology.Configure(rabbit, new Uri(parts.RabbitMq!), NamesOf(context));
                Connect(context, rabbit);
                rabbit.ConfigureEndpoints(context);
            });
        });
        return services.AddRabbitMqClientBus(HealthStatus.Unhealthy);
    }

    private static void AddConsumers(IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<CheckpointCommandsConsumer, CheckpointCommandsConsumerDefinition>();
        bus.AddConsumer<FindConsumer, FindConsumerDefinition>();
    }

    private static void Connect(IServiceProvider provider, IBusFactoryConfigurator bus)
    {
        var commands = NamesOf(provider).Commands;
        var gate = provider.GetRequiredService<ConsumptionGate>();
        bus.ConnectEndpointConfigurationObserver(new GateConnector(commands, gate));
        bus.ConnectEndpointConfigurationObserver(provider.GetRequiredService<EndpointKeeper>());
    }

    private static QueueNames NamesOf(IServiceProvider provider) =>
        new(provider.GetRequiredService<IOptions<CheckpointOptions>>().Value.Prefix);

    private static IServiceCollection AddDuty<TDuty>(this IServiceCollection services)
        where TDuty : class, IDuty => services.AddSingleton<TDuty>().AddHostedService<DutyLoop<TDuty>>();

    private static void AddSingletonHostedService<TService>(this IServiceCollection services)
        where TService : class, IHostedService =>
        services.AddSingleton<TService>().AddHostedService(provider => provider.GetRequiredService<TService>());
}
