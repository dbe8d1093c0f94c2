using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>Retries dead letters.</summary>
internal sealed class DeadLetterRetryJob(IJobStore store, DeadLetterRetry retry) : DeadLetterJob(store)
{
    public override string Kind => "dead-letter-retry";

    protected override string Past => "retried";

    protected override Task<IReadOnlyDictionary<long, string>> HandleAsync(IReadOnlyList<StoredDeadLetter> letters, CancellationToken cancellationToken) =>
        retry.TryAsync(letters, cancellationToken);
}
