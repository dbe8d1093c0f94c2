using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>The sequences that a page can hold, both ends included: what an index can be searched by.</summary>
/// <param name="Lowest">The lowest.</param>
/// <param name="Highest">The highest.</param>
internal readonly record struct SequenceRange(long Lowest, long Highest)
{
    /// <summary>The range of a query behind a position; null when nothing can be in it.</summary>
    /// <param name="query">The query.</param>
    /// <param name="after">Where the page before ended; checkpoints of the same sequence can still follow.</param>
    public static SequenceRange? Of(CheckpointQuery query, ListPosition? after)
    {
        if (query.AfterSequence == long.MaxValue || query.BeforeSequence == long.MinValue)
        {
            return null;
        }

        var lowest = query.AfterSequence + 1 ?? long.MinValue;
        var highest = query.BeforeSequence - 1 ?? long.MaxValue;
        if (after is { } position)
        {
            (lowest, highest) = query.OldestFirst
                ? (Math.Max(lowest, position.Sequence), highest)
                : (lowest, Math.Min(highest, position.Sequence));
        }

        return lowest <= highest ? new SequenceRange(lowest, highest) : null;
    }
}
