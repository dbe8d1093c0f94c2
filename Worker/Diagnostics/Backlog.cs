using System.Diagnostics.Metrics;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>
/// What waits, as it was last seen. The figures are those of the whole installation: every worker reports the same. One
/// that could not be renewed for a while is not reported at all, so an outage shows as a gap, never as an old figure.
/// Thread-safe.
/// </summary>
internal sealed class Backlog(IOptions<WorkerOptions> options, TimeProvider time)
{
    /// <summary>How many intervals a figure counts as new.</summary>
    public const int ToleratedMisses = 3;

    private Seen<PendingStats>? _pending;
    private Seen<OutboxStats>? _outbox;
    private Seen<CacheServerStats>? _server;
    private Seen<long>? _readyCommands;
    private Seen<long>? _deadCommands;
    private Seen<long>? _deadLetters;

    /// <summary>The pending marks were counted.</summary>
    /// <param name="stats">The figures.</param>
    public void SawPending(PendingStats stats) => Volatile.Write(ref _pending, new Seen<PendingStats>(stats, time.GetTimestamp()));

    /// <summary>The outbox was counted.</summary>
    /// <param name="stats">The figures.</param>
    public void SawOutbox(OutboxStats stats) => Volatile.Write(ref _outbox, new Seen<OutboxStats>(stats, time.GetTimestamp()));

    /// <summary>What waits in the broker's queue was counted.</summary>
    /// <param name="count">How many messages.</param>
    public void SawReadyCommands(long count) => Volatile.Write(ref _readyCommands, new Seen<long>(count, time.GetTimestamp()));

    /// <summary>What the broker gave up was counted.</summary>
    /// <param name="count">How many messages.</param>
    public void SawDeadCommands(long count) => Volatile.Write(ref _deadCommands, new Seen<long>(count, time.GetTimestamp()));

    /// <summary>The dead letters in the archive were counted.</summary>
    /// <param name="count">How many letters.</param>
    public void SawDeadLetters(long count) => Volatile.Write(ref _deadLetters, new Seen<long>(count, time.GetTimestamp()));

    /// <summary>Redis told how full it is.</summary>
    /// <param name="stats">The figures.</param>
    public void SawServer(CacheServerStats stats) => Volatile.Write(ref _server, new Seen<CacheServerStats>(stats, time.GetTimestamp()));

    /// <summary>Adds the instruments.</summary>
    /// <param name="meter">The meter.</param>
    public void AddTo(Meter meter)
    {
        meter.CreateObservableUpDownCounter(
            "asynccheckpoints.pending", () => Report(ref _pending, static stats => stats.Count), "{checkpoint}", "What the cache holds that is not known to be archived.");
        meter.CreateObservableGauge(
            "asynccheckpoints.pending.oldest_age", () => Report(ref _pending, static stats => stats.OldestAge.TotalSeconds), "s", "Age of the oldest pending mark.");
        meter.CreateObservableUpDownCounter(
            "asynccheckpoints.outbox.pending", () => Report(ref _outbox, static stats => stats.Pending), "{entry}", "Outbox entries that are not delivered.");
        meter.CreateObservableGauge(
            "asynccheckpoints.outbox.oldest_age", () => Report(ref _outbox, static stats => stats.OldestAge.TotalSeconds), "s", "Age of the oldest outbox entry that is not delivered.");
        meter.CreateObservableUpDownCounter(
            "asynccheckpoints.commands.ready", () => Report(ref _readyCommands, static count => count), "{message}", "Messages in the command queue that no worker has in hand.");
        meter.CreateObservableUpDownCounter(
            "asynccheckpoints.commands.dead", () => Report(ref _deadCommands, static count => count), "{message}", "Messages of commands that the broker gave up.");
        meter.CreateObservableUpDownCounter(
            "asynccheckpoints.dead_letters.stored", () => Report(ref _deadLetters, static count => count), "{letter}", "Dead letters that are neither retried nor discarded.");
        meter.CreateObservableGauge(
            "asynccheckpoints.redis.memory.used", () => Report(ref _server, static stats => stats.UsedBytes), "By", "Memory that Redis uses.");
        meter.CreateObservableGauge(
            "asynccheckpoints.redis.memory.limit", () => Report(ref _server, static stats => stats.MaxBytes), "By", "Redis's maxmemory; 0: none.");
        meter.CreateObservableCounter(
            "asynccheckpoints.redis.evictions", () => Report(ref _server, static stats => stats.EvictedKeys), "{key}", "Keys that Redis dropped for lack of memory.");
    }

    private Measurement<T>[] Report<TStats, T>(ref Seen<TStats>? seen, Func<TStats, T> figure)
        where TStats : struct
        where T : struct =>
        Volatile.Read(ref seen) is { } last && time.GetElapsedTime(last.At) <= ToleratedMisses * options.Value.SampleInterval
            ? [new Measurement<T>(figure(last.Stats))]
            : [];

    private sealed record Seen<TStats>(TStats Stats, long At)
        where TStats : struct;
}
