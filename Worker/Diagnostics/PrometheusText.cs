using System.Globalization;
using System.Text;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>
/// The two forms that Prometheus reads: its own text (0.0.4) and OpenMetrics 1.0
/// (https://prometheus.io/docs/specs/om/open_metrics_spec/). They differ in where "_total" stands, in units and the end.
/// </summary>
internal static class PrometheusText
{
    /// <summary>Writes metrics.</summary>
    /// <param name="families">The metrics.</param>
    /// <param name="collection">The collection to write.</param>
    /// <param name="isOpenMetrics">Which form.</param>
    public static string Write(IEnumerable<MetricFamily> families, int collection, bool isOpenMetrics)
    {
        var text = new StringBuilder(16 * 1024);
        foreach (var family in families)
        {
            if (family.Series(collection) is { Count: > 0 } series)
            {
                Write(text, family, series, isOpenMetrics);
            }
        }

        if (isOpenMetrics)
        {
            text.Append("# EOF\n");
        }

        return text.ToString();
    }

    private static void Write(StringBuilder text, MetricFamily family, IReadOnlyList<MetricSeries> series, bool isOpenMetrics)
    {
        var sample = family.Kind == MetricKind.Counter ? family.Name + "_total" : family.Name;
        var name = isOpenMetrics ? family.Name : sample;
        var type = family.Kind switch { MetricKind.Counter => "counter", MetricKind.Gauge => "gauge", _ => "histogram" };
        text.Append("# TYPE ").Append(name).Append(' ').Append(type).Append('\n');
        if (isOpenMetrics && family.Unit.Length > 0)
        {
            text.Append("# UNIT ").Append(name).Append(' ').Append(family.Unit).Append('\n');
        }

        text.Append("# HELP ").Append(name).Append(' ').Append(PrometheusName.Escape(family.Help.Replace('"', '\''))).Append('\n');
        foreach (var one in series)
        {
            var (value, counts, _) = one.Read();
            if (family.Kind != MetricKind.Histogram)
            {
                Sample(text, sample, one.Labels, "", Number(value));
                continue;
            }

            var count = 0L;
            for (var i = 0; i < counts.Length; i++)
            {
                count += counts[i];
                var bound = i < family.Bounds.Count ? Bound(family.Bounds[i]) : "+Inf";
                Sample(text, sample + "_bucket", one.Labels, $"le=\"{bound}\"", Number(count));
            }

            Sample(text, sample + "_sum", one.Labels, "", Number(value));
            Sample(text, sample + "_count", one.Labels, "", Number(count));
        }
    }

    private static void Sample(StringBuilder text, string name, string labels, string more, string value)
    {
        text.Append(name);
        if (labels.Length + more.Length > 0)
        {
            text.Append('{').Append(labels).Append(labels.Length > 0 && more.Length > 0 ? "," : "").Append(more).Append('}');
        }

        text.Append(' ').Append(value).Append('\n');
    }

    private static string Bound(double bound)
    {
        var number = Number(bound);
        return number.AsSpan().ContainsAny('.', 'E') ? number : number + ".0";
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };
}
