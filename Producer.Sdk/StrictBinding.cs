using System.Collections;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints;

/// <summary>
/// Settings of which every one counts. By itself the binder passes over a name that it does not know, and leaves out an
/// item of a list that it cannot read: a rule of retention would be gone, or wider, because of a typing error.
/// </summary>
internal static class StrictBinding
{
    /// <summary>Binds a section, and refuses what it cannot use.</summary>
    /// <param name="builder">The options.</param>
    /// <param name="section">Where they are.</param>
    /// <param name="others">Names in it that are bound elsewhere.</param>
    public static OptionsBuilder<T> BindStrictly<T>(this OptionsBuilder<T> builder, IConfigurationSection section, params string[] others)
        where T : class
    {
        builder.Configure(_ => Require(builder, section, others));

        // The binder has the same two meanings for its one flag: unknown names, which are checked above, and items of lists.
        return builder.Bind(section, binder => binder.ErrorOnUnknownConfiguration = others.Length == 0);
    }

    /// <summary>Binds a section of the host's configuration, and refuses what it cannot use.</summary>
    /// <param name="builder">The options.</param>
    /// <param name="path">Where they are.</param>
    public static OptionsBuilder<T> BindStrictly<T>(this OptionsBuilder<T> builder, string path)
        where T : class
    {
        builder.Configure<IConfiguration>((_, configuration) => Require(builder, configuration.GetSection(path), []));
        return builder.BindConfiguration(path, binder => binder.ErrorOnUnknownConfiguration = true);
    }

    private static void Require<T>(OptionsBuilder<T> builder, IConfigurationSection section, string[] others)
        where T : class
    {
        var failures = Check(typeof(T), section, others).ToList();
        if (failures.Count > 0)
        {
            throw new OptionsValidationException(builder.Name, typeof(T), failures);
        }
    }

    private static IEnumerable<string> Check(Type type, IConfigurationSection section, string[] others)
    {
        var properties = type.GetProperties(BindingFlags.Public | BindingFlags.Instance);
        foreach (var child in section.GetChildren().Where(child => !others.Contains(child.Key, StringComparer.OrdinalIgnoreCase)))
        {
            if (properties.FirstOrDefault(property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) is not { } property)
            {
                yield return $"{child.Path} is no setting; {string.Join(", ", properties.Select(property => property.Name).Concat(others))} are allowed.";
                continue;
            }

            foreach (var failure in CheckValue(property.PropertyType, child, type.Assembly))
            {
                yield return failure;
            }
        }
    }

    /// <param name="type">The setting's.</param>
    /// <param name="section">Where it is.</param>
    /// <param name="ours">A type of this assembly has settings of its own.</param>
    private static IEnumerable<string> CheckValue(Type type, IConfigurationSection section, Assembly ours)
    {
        var isCollection = type.IsGenericType && type.IsAssignableTo(typeof(IEnumerable));
        if (!isCollection && type.Assembly != ours || type.IsEnum)
        {
            return section.GetChildren().Any() ? [$"{section.Path} has settings below it; a value is required."] : [];
        }

        return !string.IsNullOrEmpty(section.Value) ? [$"{section.Path} is a value; settings below it are required."]
            : isCollection ? section.GetChildren().SelectMany(item => CheckValue(type.GetGenericArguments()[^1], item, ours))
            : Check(type, section, []);
    }
}
