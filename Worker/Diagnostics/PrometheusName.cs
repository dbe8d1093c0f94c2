using System.Globalization;
using System.Text;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>
/// Names and labels as OpenTelemetry maps them to Prometheus
/// (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
/// </summary>
internal static class PrometheusName
{
    private const int MaxLabelLength = 200;

    /// <summary>"asynccheckpoints.save.duration" in "s" is "asynccheckpoints_save_duration_seconds". Never ends with "_total".</summary>
    /// <param name="name">An instrument's name.</param>
    /// <param name="unit">Its unit (UCUM).</param>
    public static string Of(string name, string? unit)
    {
        var result = Clean(name, allowColon: true);
        if (result.EndsWith("_total", StringComparison.Ordinal))
        {
            result = result[..^"_total".Length];
        }

        var suffix = UnitOf(unit);
        return suffix.Length == 0 || result.EndsWith("_" + suffix, StringComparison.Ordinal) ? result : $"{result}_{suffix}";
    }

    /// <summary>The unit's word; "" for counts and for what has none.</summary>
    /// <param name="unit">A unit (UCUM).</param>
    public static string UnitOf(string? unit) => unit switch
    {
        null or "" or "1" => "",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "min" => "minutes",
        "h" => "hours",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "%" => "percent",
        _ when unit.StartsWith('{') => "",
        _ => Clean(unit, allowColon: false).Trim('_'),
    };

    /// <summary>Tags as key="value" pairs, by name; the last of two with the same name counts.</summary>
    /// <param name="tags">The tags.</param>
    public static string Labels(IEnumerable<KeyValuePair<string, object?>> tags)
    {
        var sorted = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in tags)
        {
            if (Convert.ToString(value is bool flag ? (flag ? "true" : "false") : value, CultureInfo.InvariantCulture) is { Length: > 0 } text)
            {
                sorted[Clean(key, allowColon: false)] = text.Length > MaxLabelLength ? text[..MaxLabelLength] : text;
            }
        }

        return string.Join(',', sorted.Select(label => $"{label.Key}=\"{Escape(label.Value)}\""));
    }

    /// <summary>Escapes what stands between quotes.</summary>
    /// <param name="text">A label's value.</param>
    public static string Escape(string text) => text
        .Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\n", "\\n", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal);

    private static string Clean(string name, bool allowColon)
    {
        var result = new StringBuilder(name.Length + 1);
        foreach (var c in name)
        {
            var isGood = char.IsAsciiLetterOrDigit(c) || c == '_' || (allowColon && c == ':');
            if (isGood || result.Length == 0 || result[^1] != '_')
            {
                result.Append(isGood ? c : '_');
            }
        }

        if (result.Length == 0 || char.IsAsciiDigit(result[0]))
        {
            result.Insert(0, '_');
        }

        return result.ToString();
    }
}
