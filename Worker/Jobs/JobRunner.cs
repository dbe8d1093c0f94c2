using System.Net.Sockets;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>Runs jobs, one at a time. Any number of workers share them: a job is the worker's that holds its lease.</summary>
internal sealed class JobRunner(
    IJobStore store, IEnumerable<IJobKind> kinds, JobSignal signal, IOptions<JobOptions> options, TimeProvider time, ILogger<JobRunner> logger) : IDuty
{
    private const int AttemptsAtPermanentFaults = 3;
    private static readonly TimeSpan MaxBackoff = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan GoodbyeTimeout = TimeSpan.FromSeconds(5);
    private readonly string _owner = Guid.CreateVersion7().ToString("N");
    private readonly Dictionary<string, IJobKind> _kinds = kinds.ToDictionary(kind => kind.Kind, StringComparer.Ordinal);

    public string Name => "Jobs";

    public TimeSpan Interval => options.Value.Interval;

    public Task WaitForWorkAsync(CancellationToken cancellationToken) => signal.WaitAsync(cancellationToken);

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (await store.ClaimJobAsync(_owner, options.Value.Lease, cancellationToken) is not { } job)
        {
            return 0;
        }

        var started = time.GetTimestamp();
        Log.Started(logger, job.Id, job.Kind, job.Attempts, job.Done);
        var run = new JobRun(store, job, _owner, options.Value, time, logger);
        var (state, error, delay) = await AttemptAsync(run, job, cancellationToken);
        if (state is { } known)
        {
            // Also while stopping: another worker need not wait for the lease then.
            using var goodbye = new CancellationTokenSource(GoodbyeTimeout, time);
            await store.EndJobAsync(_owner, job.Id, known, error, delay, goodbye.Token);
            Log.Ended(logger, job.Id, job.Kind, JobStates.ToText(known), run.Done, run.Findings, time.GetElapsedTime(started).TotalMilliseconds);
        }
        else
        {
            Log.Lost(logger, job.Id, job.Kind);
        }

        return 1;
    }

    private async Task<(JobState? State, string? Error, TimeSpan Delay)> AttemptAsync(JobRun run, Job job, CancellationToken cancellationToken)
    {
        if (job.CancelRequested)
        {
            return (JobState.Cancelled, null, default);
        }

        if (job.Attempts > job.MaxAttempts)
        {
            return (JobState.Discarded, job.Error ?? $"The worker died {job.MaxAttempts} times at the same place of this job.", default);
        }

        try
        {
            var kind = _kinds.GetValueOrDefault(job.Kind) ?? throw new JobFailedException($"This worker knows no job '{job.Kind}'.");
            return await run.RunAsync(kind, cancellationToken) switch
            {
                JobHold.Held => (JobState.Completed, null, default),
                JobHold.CancelRequested => (JobState.Cancelled, null, default),
                _ => default,
            };
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return (JobState.Available, null, default);
        }
        catch (Exception e) when (e is JobFailedException or ArgumentException || run.Attempts >= MaxAttempts(job, e))
        {
            Log.Discarded(logger, job.Id, job.Kind, e);
            return (JobState.Discarded, ErrorOf(e), default);
        }
        catch (Exception e)
        {
            var delay = Backoff(run.Attempts);
            Log.Failed(logger, job.Id, job.Kind, run.Attempts, delay.TotalMilliseconds, e);
            return (JobState.Retryable, ErrorOf(e), delay);
        }
    }

    // Whoever may list jobs reads it; an address that cannot be reached is for the log.
    private static string ErrorOf(Exception exception) => exception switch
    {
        _ when exception.GetBaseException() is SocketException => $"A connection failed ({exception.GetType().Name}); the worker's log says which.",
        CheckpointException e => ErrorText.WithoutCause(e),
        _ => exception.Message,
    };

    // What does not pass by itself is tried again all the same: it may have met rows that another worker was changing.
    private static int MaxAttempts(Job job, Exception exception) =>
        TransientErrors.IsTransient(exception) ? job.MaxAttempts : Math.Min(job.MaxAttempts, AttemptsAtPermanentFaults);

    private static TimeSpan Backoff(int attempts) =>
        (0.5 + (Random.Shared.NextDouble() / 2)) * TimeSpan.FromSeconds(Math.Min(MaxBackoff.TotalSeconds, Math.Pow(2, Math.Min(attempts, 10))));
}
