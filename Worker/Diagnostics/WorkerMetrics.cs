using System.Diagnostics.Metrics;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Worker.Archiving;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>The worker's instruments, on the meter "AsyncCheckpoints".</summary>
internal sealed class WorkerMetrics
{
    private readonly Histogram<int> _batchSize;
    private readonly Histogram<double> _batchDuration;
    private readonly Histogram<double> _lag;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _rescued;
    private readonly TimeProvider _time;

    public WorkerMetrics(IMeterFactory factory, Backlog backlog, ArchiveState archive, TimeProvider time)
    {
        _time = time;
        var meter = factory.Create(CheckpointTelemetry.Name);
        _batchSize = meter.CreateHistogram(
            "asynccheckpoints.archive.batch.size", "{checkpoint}", "Checkpoints and deletions in one transaction of the archive.", advice: Buckets.Items);
        _batchDuration = meter.CreateHistogram(
            "asynccheckpoints.archive.batch.duration", "s", "Duration of one transaction of the archive.", advice: Buckets.Seconds);
        _lag = meter.CreateHistogram(
            "asynccheckpoints.lag", "s", "From the save to its commit in the archive, of the oldest save of a transaction.", advice: Buckets.Seconds);
        _deadLetters = meter.CreateCounter<long>("asynccheckpoints.dead_letters", "{letter}", "What could not be archived.");
        _rescued = meter.CreateCounter<long>("asynccheckpoints.rescued", "{checkpoint}", "What was archived from Redis because its command did not come.");
        meter.CreateObservableGauge(
            "asynccheckpoints.archive.outage", () => archive.Outage?.TotalSeconds ?? 0, "s", "For how long the archive has taken no write of this worker; 0 while it does.");
        backlog.AddTo(meter);
    }

    /// <summary>Somebody listens now: a counter that is first seen with its first event has no increase to alert on.</summary>
    public void StartCounters()
    {
        _deadLetters.Add(0);
        _rescued.Add(0);
    }

    /// <summary>A transaction has committed.</summary>
    /// <param name="batch">What it brought.</param>
    /// <param name="elapsed">How long it took.</param>
    public void Archived(List<IncomingCommands> batch, TimeSpan elapsed)
    {
        _batchDuration.Record(elapsed.TotalSeconds);
        _batchSize.Record(batch.Sum(commands => commands.Size));
        if (batch.Sum(commands => commands.DeadLetters.Count) is > 0 and var letters)
        {
            _deadLetters.Add(letters);
        }

        if (_lag.Enabled && batch.SelectMany(commands => commands.Command.Saves).Select(save => save.Checkpoint.Sequence).DefaultIfEmpty().Min() is > 0 and var oldest)
        {
            // A sequence is the time of its save in microseconds (or a little after).
            var now = Contracts.CheckpointCodec.ToMicroseconds(_time.GetUtcNow());
            _lag.Record(Math.Max(0, now - oldest) / 1e6);
        }
    }

    /// <summary>A transaction has failed; it is tried again, or taken apart.</summary>
    /// <param name="elapsed">How long it took.</param>
    /// <param name="exception">Why.</param>
    public void ArchiveFailed(TimeSpan elapsed, Exception exception) =>
        _batchDuration.Record(elapsed.TotalSeconds, new KeyValuePair<string, object?>("error.type", exception.GetType().Name));

    /// <summary>Pending entries were archived without their command.</summary>
    /// <param name="count">How many.</param>
    public void Rescued(int count) => _rescued.Add(count);
}
