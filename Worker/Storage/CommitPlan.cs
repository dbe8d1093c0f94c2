namespace AsyncCheckpoints.Worker.Storage;

/// <summary>What a tombstone covers; the values are stored.</summary>
internal enum TombstoneScope : short
{
    /// <summary>All of an execution.</summary>
    Execution = 0,

    /// <summary>All of a namespace.</summary>
    Namespace = 1,

    /// <summary>One checkpoint.</summary>
    Checkpoint = 2,
}

/// <summary>
/// The commands of a transaction, sorted by key, so that transactions that overlap lock in the same order, and without
/// doubles, so that no statement meets a row twice: of several saves of a checkpoint, or tombstones of a scope, the one
/// with the highest sequence stays. A save that loses to one of a command seen before would be lost with it, and that one
/// need not be in the archive: it may have been a dead letter then. Where there are <see cref="Rivals"/>, the plan is for
/// commands that are known to be new.
/// </summary>
internal sealed class CommitPlan
{
    /// <summary>Plans commands.</summary>
    /// <param name="commands">All of a batch, or those of it that are new.</param>
    public CommitPlan(IReadOnlyList<ArchiveCommand> commands)
    {
        var ids = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var command in commands)
        {
            if (command.CommandId is { } id)
            {
                CommandCount++;
                ids.Add(id);
            }

            foreach (var save in command.Saves)
            {
                Saves.Add(new PlannedSave(save, command.CommandId, Saves.Count));
                if (save.Uncached)
                {
                    Uncached.Add(new PlannedSave(save, command.CommandId, Uncached.Count));
                }
            }

            foreach (var tombstone in command.Tombstones)
            {
                Tombstones.Add(tombstone);
            }
        }

        CommandIds = [.. ids];
        SortAndKeepFirst(
            Saves,
            CompareSaves,
            static (a, b) => a.Save.Checkpoint.Key == b.Save.Checkpoint.Key,
            (kept, dropped) =>
            {
                Rivals |= kept.CommandId is not null && kept.CommandId != dropped.CommandId;
                return kept;
            });
        SortAndKeepFirst(
            Uncached, CompareSaves, static (a, b) => a.Save.Checkpoint.Key == b.Save.Checkpoint.Key && a.CommandId == b.CommandId);
        SortAndKeepFirst(
            Tombstones,
            CompareTombstones,
            static (a, b) => a.ExecutionId == b.ExecutionId && a.Namespace == b.Namespace && a.Id == b.Id,
            static (kept, dropped) => dropped.Uncached ? kept with { Uncached = true } : kept);
    }

    /// <summary>How many commands have an id.</summary>
    public int CommandCount { get; }

    /// <summary>The different ids.</summary>
    public IReadOnlyList<string> CommandIds { get; }

    /// <summary>The saves.</summary>
    public List<PlannedSave> Saves { get; } = [];

    /// <summary>The saves that Redis does not have; each key once per command.</summary>
    public List<PlannedSave> Uncached { get; } = [];

    /// <summary>Whether a save lost to one of another command, which has no effect if it was seen before.</summary>
    public bool Rivals { get; private set; }

    /// <summary>The tombstones. Where one of a scope is uncached, the one that stays is.</summary>
    public List<Tombstone> Tombstones { get; } = [];

    /// <summary>What a tombstone covers.</summary>
    /// <param name="tombstone">The tombstone.</param>
    public static TombstoneScope ScopeOf(Tombstone tombstone) =>
        tombstone.Id is not null && tombstone.Namespace is not null ? TombstoneScope.Checkpoint
        : tombstone.Id is not null ? throw new ArgumentException("A tombstone with an id needs a namespace.", nameof(tombstone))
        : tombstone.Namespace is not null ? TombstoneScope.Namespace : TombstoneScope.Execution;

    /// <summary>A tombstone as it is stored; Redis may lack it.</summary>
    /// <param name="execution">The execution.</param>
    /// <param name="scope">What it covers.</param>
    /// <param name="ns">The namespace, or "".</param>
    /// <param name="id">The checkpoint, or "".</param>
    /// <param name="sequence">Up to which sequence it applies.</param>
    public static Tombstone TombstoneOf(string execution, TombstoneScope scope, string ns, string id, long sequence) => new(
        execution, scope == TombstoneScope.Execution ? null : ns, scope == TombstoneScope.Checkpoint ? id : null, sequence, Uncached: true);

    /// <summary>The change that an outbox entry reports.</summary>
    /// <param name="tombstone">A deletion.</param>
    public static OutboxChange ChangeOf(Tombstone tombstone) =>
        new(true, tombstone.ExecutionId, tombstone.Namespace, tombstone.Id, tombstone.Sequence, "");

    /// <summary>The change that an outbox entry reports.</summary>
    /// <param name="checkpoint">A checkpoint.</param>
    public static OutboxChange ChangeOf(Checkpoint checkpoint) =>
        new(false, checkpoint.ExecutionId, checkpoint.Namespace, checkpoint.Id, checkpoint.Sequence, checkpoint.NodeName);

    private static int CompareSaves(PlannedSave a, PlannedSave b)
    {
        Checkpoint x = a.Save.Checkpoint, y = b.Save.Checkpoint;
        var order = string.CompareOrdinal(x.ExecutionId, y.ExecutionId);
        order = order != 0 ? order : string.CompareOrdinal(x.Namespace, y.Namespace);
        order = order != 0 ? order : string.CompareOrdinal(x.Id, y.Id);
        order = order != 0 ? order : y.Sequence.CompareTo(x.Sequence);
        return order != 0 ? order : a.Position - b.Position;
    }

    private static int CompareTombstones(Tombstone x, Tombstone y)
    {
        var order = string.CompareOrdinal(x.ExecutionId, y.ExecutionId);
        order = order != 0 ? order : string.CompareOrdinal(x.Namespace, y.Namespace);
        order = order != 0 ? order : string.CompareOrdinal(x.Id, y.Id);
        return order != 0 ? order : y.Sequence.CompareTo(x.Sequence);
    }

    private static void SortAndKeepFirst<T>(List<T> list, Comparison<T> comparison, Func<T, T, bool> isSame, Func<T, T, T>? merge = null)
    {
        list.Sort(comparison);
        var kept = 0;
        for (var i = 0; i < list.Count; i++)
        {
            if (kept == 0 || !isSame(list[kept - 1], list[i]))
            {
                list[kept++] = list[i];
            }
            else if (merge is not null)
            {
                list[kept - 1] = merge(list[kept - 1], list[i]);
            }
        }

        list.RemoveRange(kept, list.Count - kept);
    }
}

/// <summary>A save and the command that brought it.</summary>
/// <param name="Save">The save.</param>
/// <param name="CommandId">The command's id, if it has one.</param>
/// <param name="Position">Its place in the batch: of equal sequences the first stays, as it would row by row.</param>
internal readonly record struct PlannedSave(ArchiveSave Save, string? CommandId, int Position);
