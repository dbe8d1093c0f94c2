namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>One combination of tags of one metric. Thread-safe.</summary>
/// <param name="labels">The tags in Prometheus's form, without braces.</param>
/// <param name="bounds">A histogram's upper bounds, rising, without infinity; else empty.</param>
internal sealed class MetricSeries(string labels, double[] bounds)
{
    private readonly Lock _lock = new();
    private readonly long[] _counts = new long[bounds.Length + 1];
    private double _value;
    private int _observedIn = -1;

    /// <summary>The tags in Prometheus's form, without braces.</summary>
    public string Labels => labels;

    /// <summary>Adds to a counter.</summary>
    /// <param name="value">How much.</param>
    public void Add(double value)
    {
        lock (_lock)
        {
            _value += value;
        }
    }

    /// <summary>Replaces the value.</summary>
    /// <param name="value">The new value.</param>
    /// <param name="collection">The collection that asked for it.</param>
    public void Set(double value, int collection)
    {
        lock (_lock)
        {
            // Two instruments of the same name (a meter that several parts make) add up.
            _value = _observedIn == collection ? _value + value : value;
            _observedIn = collection;
        }
    }

    /// <summary>Counts a value of a histogram.</summary>
    /// <param name="value">The value.</param>
    public void Observe(double value)
    {
        var bucket = Array.BinarySearch(bounds, value);
        lock (_lock)
        {
            _counts[bucket < 0 ? ~bucket : bucket]++;
            _value += value;
        }
    }

    /// <summary>The value, or a histogram's sum, with the counts of its buckets.</summary>
    public (double Value, long[] Counts, int ObservedIn) Read()
    {
        lock (_lock)
        {
            return (_value, [.. _counts], _observedIn);
        }
    }
}
