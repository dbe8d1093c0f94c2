using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>Discards dead letters.</summary>
internal sealed class DeadLetterDiscardJob(IJobStore store) : DeadLetterJob(store)
{
    private readonly IJobStore _store = store;

    public override string Kind => "dead-letter-discard";

    protected override string Past => "discarded";

    protected override async Task<string?> HandleAsync(StoredDeadLetter letter, CancellationToken cancellationToken)
    {
        await _store.RemoveDeadLetterAsync(letter.RowId, cancellationToken);
        return null;
    }
}
