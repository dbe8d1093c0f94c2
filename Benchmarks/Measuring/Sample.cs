namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>The figures of one round, by metric.</summary>
internal sealed class Sample : Dictionary<string, double>
{
    /// <summary>So many operations in so much time.</summary>
    /// <param name="count">How many.</param>
    /// <param name="elapsed">How long.</param>
    public static Sample OfRate(long count, TimeSpan elapsed) => new() { [Metric.Rate] = count / elapsed.TotalSeconds };

    /// <summary>Operations that consist of one of each part, one after the other.</summary>
    /// <param name="parts">The parts' rates.</param>
    public static Sample OfParts(IReadOnlyList<Sample> parts)
    {
        var sample = new Sample();
        foreach (var metric in (string[])[Metric.Rate, Metric.MegabytesPerSecond])
        {
            if (parts.All(part => part.ContainsKey(metric)))
            {
                sample.With(metric, 1 / parts.Sum(part => 1 / part[metric]));
            }
        }

        return sample;
    }

    /// <summary>Percentiles of latencies.</summary>
    /// <param name="latencies">The latencies.</param>
    public static Sample Of(Latencies latencies) => new Sample().With(latencies);

    /// <summary>Adds percentiles.</summary>
    /// <param name="latencies">The latencies.</param>
    public Sample With(Latencies latencies)
    {
        var (p50, p99, p999) = latencies.Percentiles();
        this[Metric.P50] = p50;
        this[Metric.P99] = p99;
        this[Metric.P999] = p999;
        return this;
    }

    /// <summary>Adds one figure.</summary>
    /// <param name="metric">Which.</param>
    /// <param name="value">The figure.</param>
    public Sample With(string metric, double value)
    {
        this[metric] = value;
        return this;
    }
}
