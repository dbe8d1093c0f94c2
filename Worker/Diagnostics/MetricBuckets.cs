using System.Diagnostics.Metrics;
using AsyncCheckpoints.Diagnostics;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>The buckets of a histogram: what its instrument advises, else by its unit.</summary>
internal static class MetricBuckets
{
    /// <summary>The upper bounds, rising, without infinity.</summary>
    /// <param name="instrument">A histogram.</param>
    public static double[] Of(Instrument instrument)
    {
        var advised = instrument switch
        {
            Histogram<double> histogram => From(histogram.Advice),
            Histogram<long> histogram => From(histogram.Advice),
            Histogram<int> histogram => From(histogram.Advice),
            _ => null,
        };
        return advised ?? instrument.Unit switch
        {
            "s" => From(Buckets.Seconds)!,
            "ms" => [.. From(Buckets.Seconds)!.Select(bound => bound * 1000)],
            "By" => From(Buckets.Bytes)!,
            _ => From(Buckets.Items)!,
        };
    }

    private static double[]? From<T>(InstrumentAdvice<T>? advice)
        where T : struct =>
        advice?.HistogramBucketBoundaries is { Count: > 0 } bounds
            ? [.. bounds.Select(bound => Convert.ToDouble(bound, System.Globalization.CultureInfo.InvariantCulture)).Distinct().Order()]
            : null;
}
