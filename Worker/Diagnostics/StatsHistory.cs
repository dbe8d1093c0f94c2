using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>The last samples, for charts: one hour at the default interval. In memory, so it starts with the worker. Thread-safe.</summary>
internal sealed class StatsHistory(IOptions<WorkerOptions> options, TimeProvider time)
{
    /// <summary>How many samples are kept.</summary>
    public const int Capacity = 360;

    private readonly Lock _lock = new();
    private readonly Queue<StatsSample> _samples = new(Capacity);
    private (long At, long? Written, long? Pending)? _before;
    private StatsSample? _last;

    /// <summary>The newest sample; null when there is none of late.</summary>
    public StatsSample? Latest
    {
        get
        {
            lock (_lock)
            {
                return _last is { } last && time.GetUtcNow() - last.At <= Backlog.ToleratedMisses * options.Value.SampleInterval ? last : null;
            }
        }
    }

    /// <summary>Adds a sample.</summary>
    /// <param name="pending">The pending marks.</param>
    /// <param name="outbox">The outbox.</param>
    /// <param name="queues">The queues of commands.</param>
    /// <param name="archive">The archive.</param>
    public void Add(PendingStats? pending, OutboxStats? outbox, QueueCounts? queues, ArchiveStats? archive)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            var seconds = _before is { } before ? time.GetElapsedTime(before.At, now).TotalSeconds : 0;
            // It falls when the counting starts again.
            double? archived = seconds > 0 && archive?.Written - _before?.Written is >= 0 and var rise ? rise / seconds : null;
            double? saved = archived is { } rate && pending?.Count - _before?.Pending is { } growth ? Math.Max(0, rate + (growth / seconds)) : null;
            _before = (now, archive?.Written, pending?.Count);
            _last = new StatsSample(
                time.GetUtcNow(), Rounded(saved), Rounded(archived), Rounded(pending?.OldestAge.TotalSeconds), pending?.Count, outbox?.Pending, queues?.Waiting, queues?.Dead,
                archive?.DeadLetters);
            if (_samples.Count == Capacity)
            {
                _samples.Dequeue();
            }

            _samples.Enqueue(_last);
        }
    }

    /// <summary>The samples, oldest first.</summary>
    /// <param name="after">Only those after this moment.</param>
    public IReadOnlyList<StatsSample> List(DateTimeOffset? after)
    {
        lock (_lock)
        {
            return [.. _samples.Where(sample => after is null || sample.At > after)];
        }
    }

    private static double? Rounded(double? value) => value is { } number ? Math.Round(number, 2) : null;
}
