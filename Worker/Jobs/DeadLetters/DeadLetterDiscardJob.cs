using System.Collections.ObjectModel;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>Discards dead letters.</summary>
internal sealed class DeadLetterDiscardJob(IJobStore store) : DeadLetterJob(store)
{
    private readonly IJobStore _store = store;

    public override string Kind => "dead-letter-discard";

    protected override string Past => "discarded";

    protected override async Task<IReadOnlyDictionary<long, string>> HandleAsync(IReadOnlyList<StoredDeadLetter> letters, CancellationToken cancellationToken)
    {
        await _store.RemoveDeadLettersAsync([.. letters.Select(letter => letter.RowId)], cancellationToken);
        return ReadOnlyDictionary<long, string>.Empty;
    }
}
