using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// Places in the order for checkpoints that have none: by timestamp, then version, then the input's order; unique and
/// rising, near the timestamp's microseconds, and all below a bound, so that what the stream has already stays newer.
/// The same input gives the same sequences, so a repeat changes nothing.
/// </summary>
internal static class ForeignSequences
{
    /// <summary>Sorts entries and gives each its sequence.</summary>
    /// <param name="entries">In the input's order.</param>
    /// <param name="below">Every sequence is less than this.</param>
    public static IReadOnlyList<(ForeignEntry Entry, long Sequence)> Assign(IReadOnlyList<ForeignEntry> entries, long below)
    {
        // OrderBy is stable: the rest is the input's order.
        var sorted = entries.OrderBy(entry => entry.Timestamp).ThenBy(entry => entry.Nanoseconds).ThenBy(entry => entry.Version).ToList();
        var sequences = new long[sorted.Count];
        var last = 0L;
        for (var i = 0; i < sorted.Count; i++)
        {
            last = Math.Max(last + 1, CheckpointCodec.ToMicroseconds(sorted[i].Timestamp));
            sequences[i] = last;
        }

        for (var i = sorted.Count - 1; i >= 0 && sequences[i] >= below; i--)
        {
            sequences[i] = --below;
        }

        return [.. sorted.Select((entry, i) => (entry, sequences[i]))];
    }
}
