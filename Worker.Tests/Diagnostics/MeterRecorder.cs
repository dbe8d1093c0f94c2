using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>What some hosts' own meter has: instruments, and the tags of every measurement.</summary>
internal sealed class MeterRecorder : IDisposable
{
    private readonly MeterListener _listener = new();

    public MeterRecorder(params IHost[] hosts)
    {
        var factories = hosts.Select(host => host.Services.GetRequiredService<IMeterFactory>()).ToList();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "AsyncCheckpoints" && factories.Exists(factory => ReferenceEquals(factory, instrument.Meter.Scope)))
            {
                Instruments[instrument.Name] = instrument;
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<int>(Record);
        _listener.SetMeasurementEventCallback<long>(Record);
        _listener.SetMeasurementEventCallback<double>(Record);
        _listener.Start();
    }

    public ConcurrentDictionary<string, Instrument> Instruments { get; } = [];

    public ConcurrentBag<(string Name, double Value, IReadOnlyDictionary<string, object?> Tags)> Measurements { get; } = [];

    public void Observe() => _listener.RecordObservableInstruments();

    public void Dispose() => _listener.Dispose();

    private void Record<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
        where T : struct, IConvertible =>
        Measurements.Add((instrument.Name, value.ToDouble(null), tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value)));
}
