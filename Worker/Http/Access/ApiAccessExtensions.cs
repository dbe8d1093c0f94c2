using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Http.Access;

/// <summary>Registers who may do what.</summary>
internal static class ApiAccessExtensions
{
    public static IServiceCollection AddApiAccess(this IServiceCollection services)
    {
        // Else the binder leaves out a key that it cannot read, and nobody hears of it.
        services.AddOptions<ApiOptions>().BindConfiguration("Worker:Http", binder => binder.ErrorOnUnknownConfiguration = true).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ApiOptions>, ApiOptionsValidator>());
        services.TryAddSingleton<ApiAccess>();
        return services;
    }
}
