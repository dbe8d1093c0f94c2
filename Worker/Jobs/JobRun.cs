using System.Text.Json;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>One attempt at a job: stores each step, keeps the lease alive while a step takes its time, holds to the rate.</summary>
internal sealed class JobRun
{
    private readonly IJobStore _store;
    private readonly Job _job;
    private readonly string _owner;
    private readonly JobOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly JobPace _pace;
    private readonly SortedDictionary<string, long> _counts;
    private string? _cursor;
    private long? _total;
    private volatile JobHold _hold = JobHold.Held;

    public JobRun(IJobStore store, Job job, string owner, JobOptions options, TimeProvider time, ILogger logger)
    {
        _store = store;
        _job = job;
        _owner = owner;
        _options = options;
        _time = time;
        _logger = logger;
        _pace = new JobPace(job.ItemsPerSecond, time);
        _counts = new SortedDictionary<string, long>(JobJson.Read<Dictionary<string, long>>(job.Counts) ?? [], StringComparer.Ordinal);
        _cursor = job.Cursor;
        _total = job.Total;
        Done = job.Done;
        Findings = job.Findings;
        Attempts = job.Attempts;
    }

    /// <summary>Items passed.</summary>
    public long Done { get; private set; }

    /// <summary>Findings stored.</summary>
    public long Findings { get; private set; }

    /// <summary>Attempts since the job last got ahead.</summary>
    public int Attempts { get; private set; }

    /// <summary>Runs it to its end.</summary>
    /// <param name="kind">What it does.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>Held: it is done.</returns>
    public async Task<JobHold> RunAsync(IJobKind kind, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var heartbeat = KeepLeaseAsync(stop);
        try
        {
            // A slow job stores where it is twice a second.
            var batch = _job.ItemsPerSecond is { } limit ? Math.Clamp(limit / 2, 1, _options.BatchSize) : _options.BatchSize;
            var context = new JobContext(_job.Id, JsonElement.Parse(_job.Arguments), _cursor, _job.CreatedAt, _job.StartedAt ?? _job.CreatedAt, batch);
            await foreach (var step in kind.RunAsync(context, stop.Token))
            {
                _hold = await SaveAsync(step, stop.Token);
                if (_hold != JobHold.Held)
                {
                    return _hold;
                }

                await _pace.WaitAsync(stop.Token);
            }

            return _hold;
        }
        catch (OperationCanceledException) when (_hold != JobHold.Held && !cancellationToken.IsCancellationRequested)
        {
            return _hold;
        }
        finally
        {
            await stop.CancelAsync();
            await heartbeat;
        }
    }

    private async Task<JobHold> SaveAsync(JobStep step, CancellationToken cancellationToken)
    {
        foreach (var (name, count) in step.Counts)
        {
            _counts[name] = _counts.GetValueOrDefault(name) + count;
        }

        _pace.Add(step.Done);
        _cursor = step.Cursor;
        _total = step.Total ?? _total;
        Done += step.Done;
        Attempts = step.Done > 0 ? 1 : Attempts;
        var room = (int)Math.Clamp(_options.MaxFindings - Findings, 0, step.Findings.Count);
        if (room < step.Findings.Count)
        {
            _counts["findingsNotStored"] = _counts.GetValueOrDefault("findingsNotStored") + step.Findings.Count - room;
        }

        var progress = new JobProgress(
            _cursor, Done, _total, _pace.Rate, JobJson.Write(_counts), Findings, room == step.Findings.Count ? step.Findings : [.. step.Findings.Take(room)]);
        var hold = await _store.SaveJobProgressAsync(_owner, _job.Id, progress, _options.Lease, cancellationToken);
        Findings += room;
        return hold;
    }

    private async Task KeepLeaseAsync(CancellationTokenSource stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_options.Lease / 3, _time, stop.Token);
                try
                {
                    var hold = await _store.ExtendJobAsync(_owner, _job.Id, _options.Lease, stop.Token);
                    if (hold != JobHold.Held)
                    {
                        _hold = hold;
                        await stop.CancelAsync();
                        return;
                    }
                }
                catch (Exception e) when (!stop.IsCancellationRequested)
                {
                    Log.ExtensionFailed(_logger, _job.Id, _job.Kind, e);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The attempt is over.
        }
    }
}
