using System.Diagnostics;
using System.Threading.Channels;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>
/// Brings outbox entries to where they go: events to the bus, repairs to Redis. Claim, deliver, mark; no transaction is
/// open meanwhile. Entries of a worker that died are claimed anew when their lease is over, so a delivery may repeat.
/// </summary>
internal sealed class OutboxDelivery : IDuty
{
    private const int ClaimSize = 64;

    // Between rounds: each is two transactions, however little it finds.
    private static readonly TimeSpan Distance = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan MaxDelay = TimeSpan.FromMinutes(1);
    private readonly string _owner = Guid.CreateVersion7().ToString("N");
    private readonly Channel<bool> _filled = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ICheckpointArchive _archive;
    private readonly ICheckpointBus _bus;
    private readonly CacheRepair _repair;
    private readonly WorkerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<OutboxDelivery> _logger;

    // Null: there was more than it could claim, or nothing was claimed yet.
    private long? _claimedAt;

    public OutboxDelivery(
        ICheckpointArchive archive,
        ICheckpointBus bus,
        CacheRepair repair,
        ArchiveWriter writer,
        IOptions<WorkerOptions> options,
        TimeProvider time,
        ILogger<OutboxDelivery> logger)
    {
        _archive = archive;
        _bus = bus;
        _repair = repair;
        _options = options.Value;
        _time = time;
        _logger = logger;
        writer.OutboxFilled += () => _filled.Writer.TryWrite(true);
    }

    public string Name => "Outbox delivery";

    public TimeSpan Interval => _options.OutboxInterval;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (_claimedAt is { } claimedAt && Distance - _time.GetElapsedTime(claimedAt) is var rest && rest > TimeSpan.Zero)
        {
            await Task.Delay(rest, _time, cancellationToken);
        }

        var entries = await _archive.ClaimOutboxAsync(_owner, _options.OutboxLease, ClaimSize, cancellationToken);
        _claimedAt = entries.Count == ClaimSize ? null : _time.GetTimestamp();
        if (entries.Count == 0)
        {
            return 0;
        }

        using var activity = CheckpointTracing.IsOn
            ? CheckpointTracing.StartBatch("checkpoint.deliver", ActivityKind.Producer, entries.Count, [])
            : null;
        var delivered = new List<long>(entries.Count);
        var failures = new List<(OutboxEntry Entry, Exception Reason)>();
        await Task.WhenAll(entries.Select(DeliverAsync));
        if (delivered.Count > 0)
        {
            await _archive.MarkDeliveredAsync(_owner, delivered, cancellationToken);
        }

        foreach (var group in failures.GroupBy(failure => failure.Entry.Attempts))
        {
            var ids = group.Select(failure => failure.Entry.Id).ToList();
            CheckpointTracing.Fail(activity, group.First().Reason);
            Log.DeliveryFailed(_logger, ids.Count, group.Key, group.First().Reason);
            await _archive.ReleaseOutboxAsync(_owner, ids, Delay(group.Key), group.First().Reason.Message, cancellationToken);
        }

        return delivered.Count;

        async Task DeliverAsync(OutboxEntry entry)
        {
            try
            {
                using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                timeout.CancelAfter(_options.OutboxLease / 2);
                await (entry.Kind == OutboxKind.Events
                    ? _bus.Publish(EventsOf(entry.Changes), timeout.Token)
                    : _repair.ApplyAsync(entry.Changes, timeout.Token));
                lock (delivered)
                {
                    delivered.Add(entry.Id);
                }
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                lock (failures)
                {
                    failures.Add((entry, e));
                }
            }
        }
    }

    public Task WaitForWorkAsync(CancellationToken cancellationToken) => _filled.Reader.ReadAsync(cancellationToken).AsTask();

    /// <summary>The events that changes are; the same each time.</summary>
    /// <param name="changes">What changed in the archive.</param>
    public static CheckpointEvents EventsOf(IReadOnlyList<OutboxChange> changes) => new()
    {
        Persisted =
        [
            .. changes.Where(change => !change.IsDeletion).Select(change => new CheckpointPersisted
            {
                EventId = EventId("persisted", change),
                ExecutionId = change.ExecutionId,
                Namespace = change.Namespace!,
                Id = change.Id!,
                Sequence = change.Sequence,
                NodeName = change.NodeName,
            }),
        ],
        Deleted =
        [
            .. changes.Where(change => change.IsDeletion).Select(change => new CheckpointDeleted
            {
                EventId = EventId("deleted", change),
                ExecutionId = change.ExecutionId,
                Namespace = change.Namespace,
                Id = change.Id,
                Sequence = change.Sequence,
            }),
        ],
    };

    // Escaped, so that no two keys make the same id.
    private static string EventId(string kind, OutboxChange change) => string.Join(
        ':',
        kind,
        Uri.EscapeDataString(change.ExecutionId),
        Uri.EscapeDataString(change.Namespace ?? "*"),
        Uri.EscapeDataString(change.Id ?? "*"),
        change.Sequence);

    private static TimeSpan Delay(int attempts) => Random.Shared.NextDouble() * TimeSpan.FromSeconds(
        Math.Min(MaxDelay.TotalSeconds, Math.Pow(2, Math.Min(attempts, 10))));
}
