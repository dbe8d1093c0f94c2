using AsyncCheckpoints.Spool;
using AsyncCheckpoints.Spooling;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints;

/// <summary>Registers the spool.</summary>
public static class CheckpointSpoolExtensions
{
    /// <summary>
    /// Gives the client, <see cref="ICheckpointClient"/>, a spool: while the broker cannot be reached, its saves and
    /// deletions wait in a file and are sent in order when it is back, also after a restart of the application.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options; <see cref="CheckpointSpoolOptions.SpoolPath"/> at least.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddCheckpointSpool(this IServiceCollection services, Action<CheckpointSpoolOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<CheckpointSpoolOptions>().Configure(configure).ValidateOnStart();
        services.AddSingleton<IValidateOptions<CheckpointSpoolOptions>, CheckpointSpoolOptionsValidator>();
        services.RemoveAll<ICommandSpool>();
        services.AddSingleton<ICommandSpool, SqliteCommandSpool>();
        return services;
    }

    /// <summary>
    /// As <see cref="AddCheckpointSpool(IServiceCollection, Action{CheckpointSpoolOptions})"/>, with the options from the
    /// configuration. A name that is no option, or a value that cannot be read, is refused when the host starts.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="section">
    /// The section with the options, such as <c>Configuration.GetSection("CheckpointSpool")</c>; not one inside the
    /// client's, which knows no such name.
    /// </param>
    /// <param name="configure">Changes them afterwards; null: nothing.</param>
    /// <returns>The same services.</returns>
    public static IServiceCollection AddCheckpointSpool(
        this IServiceCollection services, IConfigurationSection section, Action<CheckpointSpoolOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        services.AddOptions<CheckpointSpoolOptions>().BindStrictly(section);
        return services.AddCheckpointSpool(configure ?? (static _ => { }));
    }
}
