using System.Globalization;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Reporting;

/// <summary>Figures as text, with three digits that matter.</summary>
internal static class Number
{
    /// <summary>One figure.</summary>
    /// <param name="value">The figure.</param>
    public static string Text(double value) => value.ToString(Math.Abs(value) switch { >= 100 => "#,0", >= 10 => "0.0", _ => "0.00" }, CultureInfo.InvariantCulture);

    /// <summary>A contender's median with its spread.</summary>
    /// <param name="figures">The contender.</param>
    /// <param name="metric">The metric.</param>
    public static string Text(Figures figures, string metric)
    {
        if (!figures.TryGetMedian(metric, out var median))
        {
            return "–";
        }

        var (low, high) = figures.Spread(metric);
        return $"{Text(median)} ({Text(low)} to {Text(high)})";
    }

    /// <summary>How ours compares.</summary>
    /// <param name="outcome">The measure.</param>
    /// <param name="other">The other.</param>
    public static string Ratio(Outcome outcome, Figures other)
    {
        var metric = outcome.Measure.Metric;
        return outcome.Figures[^1].TryGetMedian(metric, out var ours) && other.TryGetMedian(metric, out var theirs) && theirs > 0 && other != outcome.Figures[^1]
            ? Text(ours / theirs)
            : "";
    }

    /// <summary>A target's figure.</summary>
    /// <param name="verdict">The verdict.</param>
    public static string Text(Verdict verdict) =>
        verdict.Against is null ? Text(verdict.Value) : $"{Text(verdict.Value)} × {verdict.Against}";

    /// <summary>What the raw parts would reach.</summary>
    /// <param name="verdict">The verdict.</param>
    public static string Bound(Verdict verdict) => verdict.Bound is { } bound ? Text(bound) : "";
}
