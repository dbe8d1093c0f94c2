using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>Stands before a service of the worker: tells of each call before it is made, and of its success before the caller hears of it.</summary>
[SuppressMessage("Performance", "CA1852:Seal internal types", Justification = "The proxy derives from it.")]
internal class CallWatch : DispatchProxy
{
    private object _target = null!;
    private Action<string> _before = null!;
    private Action<string, Task> _after = null!;

    public static T Around<T>(object target, Action<string> before, Action<string, Task>? after = null)
        where T : class
    {
        var proxy = Create<T, CallWatch>();
        var watch = (CallWatch)(object)proxy;
        (watch._target, watch._before, watch._after) = (target, before, after ?? ((_, _) => { }));
        return proxy;
    }

    /// <summary>Puts a watch around a service that a factory makes.</summary>
    public static void Watch<TService, TProxy>(IServiceCollection services, Action<string> before, Action<string, Task>? after = null)
        where TService : class
        where TProxy : class, TService
    {
        var original = services.Single(service => service.ServiceType == typeof(TService)).ImplementationFactory!;
        services.Replace(ServiceDescriptor.Singleton<TService>(provider => Around<TProxy>(original(provider), before, after)));
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var name = targetMethod!.Name;
        _before(name);
        var result = targetMethod.Invoke(_target, BindingFlags.DoNotWrapExceptions, null, args, null);
        if (result is Task task)
        {
            // Continuations run in the order in which they were added: this one is the first.
            _ = task.ContinueWith(
                done => _after(name, done),
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        return result;
    }
}
