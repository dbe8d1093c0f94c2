using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints;

/// <summary>Registers the client.</summary>
public static class CheckpointServiceCollectionExtensions
{
    /// <summary>
    /// Adds <see cref="ICheckpointClient"/> with its connections to Redis and RabbitMQ, and a hosted service that drains
    /// its buffer when the host stops. The application's own MassTransit bus, if any, is left alone.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options; <see cref="CheckpointOptions.Redis"/> and <see cref="CheckpointOptions.RabbitMq"/> at least.</param>
    /// <returns>The same services.</returns>
    /// <exception cref="OptionsValidationException">At start: a setting is out of bounds; every one is named.</exception>
    public static IServiceCollection AddAsyncCheckpoints(this IServiceCollection services, Action<CheckpointOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<CheckpointOptions>().Configure(configure).ValidateOnStart();
        services.AddSingleton<IValidateOptions<CheckpointOptions>, CheckpointOptionsValidator>();
        return services;
    }
}
