using System.Diagnostics.Metrics;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>What an instrument is to Prometheus.</summary>
internal enum MetricKind
{
    /// <summary>Rises only.</summary>
    Counter,

    /// <summary>Rises and falls.</summary>
    Gauge,

    /// <summary>Counts by size.</summary>
    Histogram,
}

/// <summary>
/// A metric with its series. Their number is bounded: what comes after that is summed up in one series, so a tag that
/// turns out to be an id cannot fill the memory. Thread-safe; recording into a known series allocates nothing.
/// </summary>
internal sealed class MetricFamily
{
    /// <summary>The most combinations of tags.</summary>
    public const int MaxSeries = 200;

    // The same tags in another order are another entry of the same series.
    private const int MaxEntries = 4 * MaxSeries;
    private readonly Lock _lock = new();
    private readonly Action<MetricFamily> _overflowed;
    private readonly bool _isObservable;
    private readonly bool _isAbsolute;
    private readonly double[] _bounds;
    private readonly Dictionary<string, MetricSeries> _series = [];
    private volatile Entry[] _entries = [];
    private MetricSeries? _overflow;

    public MetricFamily(Instrument instrument, MetricKind kind, Action<MetricFamily> overflowed)
    {
        Name = PrometheusName.Of(instrument.Name, instrument.Unit);
        Unit = PrometheusName.UnitOf(instrument.Unit);
        Help = instrument.Description ?? instrument.Name;
        Kind = kind;
        _overflowed = overflowed;
        _isObservable = instrument.IsObservable;
        _isAbsolute = instrument.IsObservable || instrument.GetType().GetGenericTypeDefinition() == typeof(Gauge<>);
        _bounds = kind == MetricKind.Histogram ? MetricBuckets.Of(instrument) : [];
    }

    /// <summary>Without "_total".</summary>
    public string Name { get; }

    /// <summary>Such as "seconds"; "" when there is none.</summary>
    public string Unit { get; }

    /// <summary>What it means.</summary>
    public string Help { get; }

    /// <summary>What it is.</summary>
    public MetricKind Kind { get; }

    /// <summary>A histogram's upper bounds, without infinity.</summary>
    public IReadOnlyList<double> Bounds => _bounds;

    /// <summary>Takes a measurement.</summary>
    /// <param name="value">The value.</param>
    /// <param name="tags">Its tags.</param>
    /// <param name="collection">The collection under way, for what is observed.</param>
    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags, int collection)
    {
        var series = Find(tags);
        if (Kind == MetricKind.Histogram)
        {
            series.Observe(value);
        }
        else if (_isAbsolute)
        {
            series.Set(value, collection);
        }
        else
        {
            series.Add(value);
        }
    }

    /// <summary>The series as they are; of observed ones those that were seen in this collection.</summary>
    /// <param name="collection">The collection.</param>
    public IReadOnlyList<MetricSeries> Series(int collection)
    {
        lock (_lock)
        {
            return [.. _series.Values.Where(series => !_isObservable || series.Read().ObservedIn == collection).OrderBy(series => series.Labels, StringComparer.Ordinal)];
        }
    }

    private MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = HashOf(tags);
        foreach (var entry in _entries)
        {
            if (entry.Hash == hash && Matches(entry.Tags, tags))
            {
                return entry.Series;
            }
        }

        return Add(hash, tags.ToArray());
    }

    private MetricSeries Add(int hash, KeyValuePair<string, object?>[] tags)
    {
        var labels = PrometheusName.Labels(tags);
        var hasOverflowed = false;
        MetricSeries? series;
        lock (_lock)
        {
            if (!_series.TryGetValue(labels, out series))
            {
                if (_series.Count < MaxSeries)
                {
                    _series[labels] = series = new MetricSeries(labels, _bounds);
                }
                else
                {
                    hasOverflowed = _overflow is null;
                    series = _overflow ??= _series["otel_metric_overflow=\"true\""] = new MetricSeries("otel_metric_overflow=\"true\"", _bounds);
                }
            }

            if (series != _overflow && _entries.Length < MaxEntries)
            {
                _entries = [.. _entries, new Entry(hash, tags, series)];
            }
        }

        if (hasOverflowed)
        {
            _overflowed(this);
        }

        return series;
    }

    private static int HashOf(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = default(HashCode);
        foreach (var (key, value) in tags)
        {
            hash.Add(key);
            hash.Add(value);
        }

        return hash.ToHashCode();
    }

    private static bool Matches(KeyValuePair<string, object?>[] known, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (known.Length != tags.Length)
        {
            return false;
        }

        for (var i = 0; i < known.Length; i++)
        {
            if (known[i].Key != tags[i].Key || !Equals(known[i].Value, tags[i].Value))
            {
                return false;
            }
        }

        return true;
    }

    private sealed record Entry(int Hash, KeyValuePair<string, object?>[] Tags, MetricSeries Series);
}
