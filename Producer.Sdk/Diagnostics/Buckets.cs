using System.Diagnostics.Metrics;

namespace AsyncCheckpoints.Diagnostics;

/// <summary>The histograms' buckets, as advice on the instruments, so that every exporter uses the same.</summary>
internal static class Buckets
{
    /// <summary>Half a millisecond to five minutes.</summary>
    public static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    };

    /// <summary>256 bytes to the largest state.</summary>
    public static readonly InstrumentAdvice<long> Bytes = new()
    {
        HistogramBucketBoundaries = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864],
    };

    /// <summary>One to the largest batch.</summary>
    public static readonly InstrumentAdvice<int> Items = new()
    {
        HistogramBucketBoundaries = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000, 10_000, 50_000],
    };
}
