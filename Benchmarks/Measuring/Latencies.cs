using System.Diagnostics;

namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>Every single latency, in microseconds; exact percentiles. Each index is written by one thread.</summary>
internal sealed class Latencies(int count)
{
    private readonly double[] _microseconds = new double[count];

    /// <summary>Stores one.</summary>
    /// <param name="index">Which operation.</param>
    /// <param name="started">The stopwatch's value when it started.</param>
    public void Record(int index, long started) =>
        _microseconds[index] = (Stopwatch.GetTimestamp() - started) * 1e6 / Stopwatch.Frequency;

    /// <summary>Stores one that was measured otherwise.</summary>
    /// <param name="index">Which operation.</param>
    /// <param name="microseconds">The latency.</param>
    public void Set(int index, double microseconds) => _microseconds[index] = microseconds;

    /// <summary>The median and the two tails.</summary>
    public (double P50, double P99, double P999) Percentiles()
    {
        var sorted = (double[])_microseconds.Clone();
        Array.Sort(sorted);
        return (At(sorted, 0.5), At(sorted, 0.99), At(sorted, 0.999));
    }

    // Nearest rank.
    private static double At(double[] sorted, double share) => sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length) - 1, 0, sorted.Length - 1)];
}
