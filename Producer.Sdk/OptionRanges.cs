using System.ComponentModel.DataAnnotations;
using System.Reflection;

namespace AsyncCheckpoints;

/// <summary>Checks the bounds that stand at the settings, for validators that report all failures at once.</summary>
internal static class OptionRanges
{
    /// <summary>What is out of bounds, each with its path, value and bound.</summary>
    /// <typeparam name="T">The settings' type.</typeparam>
    /// <param name="section">Where they are in the configuration.</param>
    /// <param name="options">The settings.</param>
    public static IEnumerable<string> Check<T>(string section, T options)
        where T : class =>
        from property in typeof(T).GetProperties()
        from range in property.GetCustomAttributes<RangeAttribute>(inherit: false)
        let value = property.GetValue(options)
        where !range.IsValid(value)
        select $"{section}:{property.Name} is {value}; {range.Minimum} to {range.Maximum} is allowed.";
}
