using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Numerics;
using AsyncCheckpoints.Diagnostics;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>
/// Listens to our meter, to those of MassTransit and Npgsql and to the runtime's, for /metrics. Thread-safe; observed
/// instruments are asked only while somebody collects.
/// </summary>
internal sealed class MetricCollector(IMeterFactory factory, IServiceProvider provider, ILogger<MetricCollector> logger) : IHostedService, IDisposable
{
    /// <summary>The meters.</summary>
    public static readonly IReadOnlyList<string> Meters = [CheckpointTelemetry.Name, "MassTransit", "Npgsql", "System.Runtime"];

    private readonly ConcurrentDictionary<string, MetricFamily> _families = [];
    private readonly Lock _collecting = new();
    private readonly MeterListener _listener = new();
    private int _collection;

    /// <summary>Writes what there is.</summary>
    /// <param name="isOpenMetrics">Which form.</param>
    public string Collect(bool isOpenMetrics)
    {
        lock (_collecting)
        {
            Interlocked.Increment(ref _collection);
            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException e)
            {
                Log.InstrumentsFailed(logger, e);
            }

            return PrometheusText.Write(_families.Values.OrderBy(family => family.Name, StringComparer.Ordinal), _collection, isOpenMetrics);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (FamilyOf(instrument) is { } family)
            {
                listener.EnableMeasurementEvents(instrument, family);
            }
        };
        Listen<byte>();
        Listen<short>();
        Listen<int>();
        Listen<long>();
        Listen<float>();
        Listen<double>();
        Listen<decimal>();
        _listener.Start();

        // Makes the instruments, so that the first scrape has them all.
        provider.GetRequiredService<WorkerMetrics>().StartCounters();
        provider.GetRequiredService<CheckpointMetrics>();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _listener.Dispose();

    private void Listen<T>()
        where T : struct, INumber<T> =>
        _listener.SetMeasurementEventCallback<T>((_, value, tags, family) => ((MetricFamily)family!).Record(double.CreateChecked(value), tags, Volatile.Read(ref _collection)));

    private MetricFamily? FamilyOf(Instrument instrument)
    {
        // Another host in this process has a meter of the same name; the libraries' are the process's.
        var isOurs = instrument.Meter.Name != CheckpointTelemetry.Name || ReferenceEquals(instrument.Meter.Scope, factory);
        if (!isOurs || !Meters.Contains(instrument.Meter.Name) || KindOf(instrument) is not { } kind)
        {
            return null;
        }

        var family = new MetricFamily(instrument, kind, family => Log.TooManySeries(logger, family.Name, MetricFamily.MaxSeries));
        var known = _families.GetOrAdd(family.Name, family);
        return known.Kind == kind ? known : null;
    }

    private static MetricKind? KindOf(Instrument instrument)
    {
        var type = instrument.GetType();
        var definition = type.IsGenericType ? type.GetGenericTypeDefinition() : null;
        if (FallsAsWell(instrument.Name))
        {
            return MetricKind.Gauge;
        }

        return definition == typeof(Counter<>) || definition == typeof(ObservableCounter<>) ? MetricKind.Counter
            : definition == typeof(UpDownCounter<>) || definition == typeof(ObservableUpDownCounter<>)
                || definition == typeof(Gauge<>) || definition == typeof(ObservableGauge<>) ? MetricKind.Gauge
            : definition == typeof(Histogram<>) ? MetricKind.Histogram
            : null;
    }

    /// <summary>What the runtime and MassTransit make with CreateCounter although it is a level.</summary>
    private static bool FallsAsWell(string name) =>
        name is "dotnet.thread_pool.thread.count" or "dotnet.thread_pool.queue.length"
        || (name.StartsWith("messaging.masstransit.", StringComparison.Ordinal) && name.EndsWith(".active", StringComparison.Ordinal));
}
