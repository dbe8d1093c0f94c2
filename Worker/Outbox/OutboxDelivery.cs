using System.Diagnostics;
using System.Threading.Channels;
using AsyncCheckpoints.Diagnostics;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Outbox;

/// <summary>
/// Brings outbox entries of one kind to where they go: events to the bus, repairs to Redis. Each kind has a loop and claims
/// of its own, so that what cannot be delivered does not hold up the other. Claim, deliver, mark; no transaction is open
/// meanwhile. Entries of a worker that died are claimed anew when their lease is over, so a delivery may repeat.
/// </summary>
/// <typeparam name="TTarget">Where they go.</typeparam>
internal sealed class OutboxDelivery<TTarget> : IDuty
    where TTarget : class, IOutboxTarget
{
    private const int ClaimSize = 64;
    private static readonly Backoff Backoff = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
    private readonly string _owner = Guid.CreateVersion7().ToString("N");
    private readonly Channel<bool> _filled = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ICheckpointArchive _archive;
    private readonly TTarget _target;
    private readonly WorkerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<OutboxDelivery<TTarget>> _logger;

    // Null: there was more than it could claim, or nothing was claimed yet.
    private long? _claimedAt;

    public OutboxDelivery(
        ICheckpointArchive archive,
        TTarget target,
        ArchiveWriter writer,
        IOptions<WorkerOptions> options,
        TimeProvider time,
        ILogger<OutboxDelivery<TTarget>> logger)
    {
        _archive = archive;
        _target = target;
        _options = options.Value;
        _time = time;
        _logger = logger;
        writer.OutboxFilled += () => _filled.Writer.TryWrite(true);
    }

    public string Name => _target.Name;

    public TimeSpan Interval => _options.OutboxInterval;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (_claimedAt is { } claimedAt && _target.Distance - _time.GetElapsedTime(claimedAt) is var rest && rest > TimeSpan.Zero)
        {
            await Task.Delay(rest, _time, cancellationToken);
        }

        if (!await _target.IsThereAsync(cancellationToken))
        {
            return 0;
        }

        var entries = await _archive.ClaimOutboxAsync(_owner, _target.Kind, _options.OutboxLease, ClaimSize, cancellationToken);
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
            await _archive.ReleaseOutboxAsync(_owner, ids, Backoff.After(group.Key), group.First().Reason.Message, cancellationToken);
        }

        return delivered.Count;

        async Task DeliverAsync(OutboxEntry entry)
        {
            try
            {
                using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                timeout.CancelAfter(_options.OutboxLease / 2);
                await _target.DeliverAsync(entry.Changes, timeout.Token);
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
}
