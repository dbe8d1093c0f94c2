using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Reading;
using AsyncCheckpoints.Redis;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Spooling;
using MassTransit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints;

/// <summary>Registers the client.</summary>
public static class CheckpointServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="ICheckpointClient"/> with its connections to Redis and RabbitMQ, and a hosted service that drains
    /// its buffer when the host stops. The application's own MassTransit bus, if any, is left alone.
    /// <para>
    /// Register it before hosted services that save while they stop: a host stops them in reverse, and once the client has
    /// been stopped it takes no more saves.
    /// </para>
    /// <para>
    /// MassTransit adds a health check for the client's bus (tags "ready" and "masstransit"). It says Degraded, not
    /// Unhealthy, while RabbitMQ is away: saves go on through Redis, and the application stays ready.
    /// </para>
    /// </summary>
    /// <param name="services">The services. One container has one client, and so one Redis, one broker and one prefix.</param>
    /// <param name="configure">Sets the options; <see cref="CheckpointOptions.Redis"/> and <see cref="CheckpointOptions.RabbitMq"/> at least.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">The services have a client already, or a worker, which has one.</exception>
    /// <exception cref="OptionsValidationException">At start: a setting is out of bounds; every one is named.</exception>
    public static IServiceCollection AddAsyncCheckpoints(this IServiceCollection services, Action<CheckpointOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        if (services.Any(service => service.ServiceType == typeof(SavePipeline)))
        {
            throw new InvalidOperationException(
                "The services have an AsyncCheckpoints client already: call AddAsyncCheckpoints once. A client of another installation needs a container of its own.");
        }

        services.AddOptions<CheckpointOptions>().Configure(configure)
            .Validate(options => !string.IsNullOrWhiteSpace(options.Redis), "Checkpoints:Redis is not set; a StackExchange.Redis configuration is required.")
            .Validate(
                options => Uri.TryCreate(options.RabbitMq, UriKind.Absolute, out var uri) && uri.Scheme is "amqp" or "amqps",
                "Checkpoints:RabbitMq is not set to a URI such as amqp://user:password@host/vhost.");
        return services.AddRedisCache().AddRabbitMqClientBus(HealthStatus.Degraded).AddCheckpointClient().AddHostedService<WorkerTime>();
    }

    /// <summary>
    /// As <see cref="AddAsyncCheckpoints(IServiceCollection, Action{CheckpointOptions})"/>, with the options from the
    /// configuration. A name that is no option, or a value that cannot be read, is refused.
    /// </summary>
    /// <param name="services">The services. One container has one client.</param>
    /// <param name="section">The section with the options, such as <c>Configuration.GetSection("Checkpoints")</c>.</param>
    /// <param name="configure">Changes them afterwards; null: nothing.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="InvalidOperationException">
    /// The services have a client already, or a worker, which has one. At start: a value cannot be read.
    /// </exception>
    /// <exception cref="OptionsValidationException">At start: a setting is unknown or out of bounds; every one is named.</exception>
    public static IServiceCollection AddAsyncCheckpoints(
        this IServiceCollection services, IConfigurationSection section, Action<CheckpointOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        services.AddOptions<CheckpointOptions>().BindStrictly(section);
        return services.AddAsyncCheckpoints(configure ?? (static _ => { }));
    }

    /// <summary>The client without cache and bus.</summary>
    internal static IServiceCollection AddCheckpointClient(this IServiceCollection services)
    {
        services.AddMetrics();
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<CheckpointOptions>().ValidateOnStart();
        services.AddSingleton<IValidateOptions<CheckpointOptions>, CheckpointOptionsValidator>();
        services.AddSingleton(provider =>
        {
            var options = provider.GetRequiredService<IOptions<CheckpointOptions>>().Value;
            return new BufferBudget(options.MaxBufferedItems, options.MaxBufferedBytes);
        });
        services.AddSingleton<SequenceClock>();
        services.AddSingleton<UncachedStreams>();
        services.AddSingleton<CheckpointMetrics>();
        services.AddSingleton<CacheLink>();
        services.AddSingleton<CommandTransport>();
        services.TryAddSingleton<ICommandSpool, NoSpool>();
        services.AddSingleton<CommandSender>();
        services.AddSingleton<WriteThrough>();
        services.AddSingleton<SavePipeline>();
        services.AddSingleton<CheckpointReader>();
        services.AddSingleton<ICheckpointClient, CheckpointClient>();
        services.AddSingleton<EndpointKeeper>();
        services.AddHostedService(provider => provider.GetRequiredService<EndpointKeeper>());
        services.AddHostedService<SpoolDrain>();
        services.AddHostedService<CheckpointClientService>();
        return services;
    }

    /// <summary>The cache in Redis.</summary>
    internal static IServiceCollection AddRedisCache(this IServiceCollection services)
    {
        services.AddSingleton<ICheckpointCache>(provider =>
        {
            var options = provider.GetRequiredService<IOptions<CheckpointOptions>>().Value;
            return new RedisCheckpointCache(options.Redis!, options.Prefix, options.ShardCount, options.CacheTimeout);
        });
        return services;
    }

    /// <summary>The client's bus on RabbitMQ.</summary>
    /// <param name="services">The services.</param>
    /// <param name="away">What the bus's health check says at worst.</param>
    internal static IServiceCollection AddRabbitMqClientBus(this IServiceCollection services, HealthStatus away)
    {
        services.AddSingleton(Routes.RabbitMq);
        services.AddMassTransit<ICheckpointBus, CheckpointBus>(bus =>
        {
            bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = away);
            bus.UsingRabbitMq((context, rabbit) =>
            {
                var options = context.GetRequiredService<IOptions<CheckpointOptions>>().Value;
                RabbitMqTopology.Configure(rabbit, new Uri(options.RabbitMq!), new QueueNames(options.Prefix));
                rabbit.ConnectEndpointConfigurationObserver(context.GetRequiredService<EndpointKeeper>());
            });
        });
        return services;
    }
}
