using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>What was announced, under which event ids. Thread-safe.</summary>
internal sealed class EventJournal
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(CheckpointKey Key, long Sequence), HashSet<string>> _persisted = [];

    // Without their event ids.
    private readonly Dictionary<CheckpointDeleted, HashSet<string>> _deleted = [];

    public void Add(CheckpointEvents events)
    {
        lock (_gate)
        {
            foreach (var saved in events.Persisted)
            {
                Add(_persisted, (new CheckpointKey(saved.ExecutionId, saved.Namespace, saved.Id), saved.Sequence), saved.EventId);
            }

            foreach (var deletion in events.Deleted)
            {
                Add(_deleted, deletion with { EventId = "" }, deletion.EventId);
            }
        }
    }

    /// <summary>Whether a checkpoint has been announced.</summary>
    public bool Knows(CheckpointKey key, long sequence)
    {
        lock (_gate)
        {
            return _persisted.ContainsKey((key, sequence));
        }
    }

    /// <summary>The announced deletion that covers a save, of the checkpoint or of all its execution, without its event id; null: there is none.</summary>
    public CheckpointDeleted? DeletionOf(CheckpointKey key, long sequence)
    {
        lock (_gate)
        {
            return _deleted.Keys.FirstOrDefault(deletion => Covers(deletion, key, sequence));
        }
    }

    /// <summary>
    /// Checkpoints that were announced, are not in the archive any more, and whose deletion was not announced. A row and its
    /// event are one transaction, and so are the deletion of a row and its event; a deletion without a row has none.
    /// </summary>
    /// <param name="rows">All that the archive has of the executions in question.</param>
    public IReadOnlyList<string> Vanished(IReadOnlyDictionary<string, List<Checkpoint>> rows)
    {
        var present = rows.Values.SelectMany(list => list).ToDictionary(row => row.Key, row => row.Sequence);
        lock (_gate)
        {
            var deletions = _deleted.Keys.ToLookup(deletion => deletion.ExecutionId);
            return
            [
                .. _persisted.Keys
                    .Where(saved => rows.ContainsKey(saved.Key.ExecutionId)
                        && present.GetValueOrDefault(saved.Key) < saved.Sequence
                        && !deletions[saved.Key.ExecutionId].Any(deletion => Covers(deletion, saved.Key, saved.Sequence)))
                    .Select(saved => $"{saved.Key} at {saved.Sequence}"),
            ];
        }
    }

    /// <summary>Changes announced under more than one event id, and event ids used for more than one.</summary>
    public IReadOnlyList<string> Unstable()
    {
        lock (_gate)
        {
            var changes = _persisted.Select(item => (What: $"{item.Key.Key} at {item.Key.Sequence}", Ids: item.Value))
                .Concat(_deleted.Select(item => (What: $"{item.Key}", Ids: item.Value))).ToList();
            return
            [
                .. changes.Where(change => change.Ids.Count > 1).Select(change => $"{change.What} has the event ids {string.Join(", ", change.Ids)}"),
                .. changes.SelectMany(change => change.Ids).GroupBy(id => id).Where(group => group.Count() > 1)
                    .Select(group => $"{group.Key} stands for {group.Count()} changes"),
            ];
        }
    }

    private static bool Covers(CheckpointDeleted deletion, CheckpointKey key, long sequence) =>
        deletion.ExecutionId == key.ExecutionId
        && (deletion.Namespace is null || deletion.Namespace == key.Namespace)
        && (deletion.Id is null || deletion.Id == key.Id)
        && deletion.Sequence >= sequence;

    private static void Add<T>(Dictionary<T, HashSet<string>> changes, T change, string eventId)
        where T : notnull
    {
        if (!changes.TryGetValue(change, out var ids))
        {
            ids = [];
            changes.Add(change, ids);
        }

        ids.Add(eventId);
    }
}
