using System.Diagnostics;
using System.Diagnostics.Metrics;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Spooling;

namespace AsyncCheckpoints.Diagnostics;

/// <summary>The client's instruments, on the meter "AsyncCheckpoints".</summary>
internal sealed class CheckpointMetrics
{
    private readonly Histogram<double> _duration;
    private readonly Histogram<long> _stateSize;

    public CheckpointMetrics(IMeterFactory factory, BufferBudget budget, ICommandSpool spool)
    {
        var meter = factory.Create(CheckpointTelemetry.Name);
        _duration = meter.CreateHistogram(
            "asynccheckpoints.save.duration", "s", "From the save's start to the level that was reached.", advice: Buckets.Seconds);
        _stateSize = meter.CreateHistogram("asynccheckpoints.state.size", "By", "Size of saved states.", advice: Buckets.Bytes);
        meter.CreateObservableUpDownCounter(
            "asynccheckpoints.buffer.items", () => budget.Items, "{checkpoint}", "Saves and deletions in this client's buffer.");
        meter.CreateObservableUpDownCounter("asynccheckpoints.buffer.size", () => budget.Bytes, "By", "Room taken in this client's buffer.");
        if (spool.IsEnabled)
        {
            meter.CreateObservableUpDownCounter(
                "asynccheckpoints.spool.size", () => Known(spool.Bytes), "By", "Messages in this client's spool.");
        }
    }

    /// <summary>A save reached its level, or as far as it could.</summary>
    /// <param name="elapsed">How long it took.</param>
    /// <param name="stateBytes">The state's size.</param>
    /// <param name="wanted">The level asked for.</param>
    /// <param name="reached">The level that holds.</param>
    public void SaveCompleted(TimeSpan elapsed, long stateBytes, Durability wanted, Durability reached)
    {
        if (_duration.Enabled)
        {
            _duration.Record(elapsed.TotalSeconds, new TagList { { "durability.wanted", NameOf(wanted) }, { "durability.reached", NameOf(reached) } });
        }

        _stateSize.Record(stateBytes);
    }

    /// <summary>A save failed.</summary>
    /// <param name="elapsed">How long it took.</param>
    /// <param name="wanted">The level asked for.</param>
    /// <param name="exception">Why.</param>
    public void SaveFailed(TimeSpan elapsed, Durability wanted, Exception exception) =>
        _duration.Record(elapsed.TotalSeconds, new TagList { { "durability.wanted", NameOf(wanted) }, { "error.type", exception.GetType().Name } });

    /// <summary>A level as tags name it.</summary>
    /// <param name="durability">The level.</param>
    public static string NameOf(Durability durability) => durability switch
    {
        Durability.Buffered => "buffered",
        Durability.Cached => "cached",
        Durability.Queued => "queued",
        _ => "persisted",
    };

    private static Measurement<long>[] Known(long? value) => value is { } known ? [new(known)] : [];
}
