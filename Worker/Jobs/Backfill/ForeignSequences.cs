using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// Places in the order for checkpoints that have none: by timestamp, then version, then the input's order; unique and
/// rising, near the timestamp's microseconds, and all below a bound, so that what the stream has already stays newer.
/// What has a place keeps it or moves up. The same input gives the same sequences, so a repeat changes nothing.
/// </summary>
internal static class ForeignSequences
{
    // Between those that the bound moves down: what the source has later finds room there.
    private const long Room = 1000;

    /// <summary>Sorts entries and gives each its sequence.</summary>
    /// <param name="entries">In the input's order.</param>
    /// <param name="below">Every sequence is less than this.</param>
    /// <param name="placed">The sequences that the stream has for some of them, by id.</param>
    public static IReadOnlyList<(ForeignEntry Entry, long Sequence)> Assign(
        IReadOnlyList<ForeignEntry> entries, long below, IReadOnlyDictionary<string, long> placed)
    {
        // OrderBy is stable: the rest is the input's order.
        var sorted = entries.OrderBy(entry => entry.Timestamp).ThenBy(entry => entry.Nanoseconds).ThenBy(entry => entry.Version).ToList();
        var sequences = new long[sorted.Count];
        var places = PlacesOf(sorted, placed);
        var last = 0L;
        for (var i = 0; i < sorted.Count; i++)
        {
            last = Math.Max(Math.Max(last + 1, CheckpointCodec.ToMicroseconds(sorted[i].Timestamp)), places[i] ?? 0);
            sequences[i] = last;
        }

        for (var i = sorted.Count - 1; i >= 0 && sequences[i] >= below;)
        {
            if (places[i] < below)
            {
                below = sequences[i] = places[i]!.Value;
                i--;
                continue;
            }

            // All down to the next one that stays where it is.
            var stays = i - 1;
            while (stays >= 0 && sequences[stays] >= below && !(places[stays] < below))
            {
                stays--;
            }

            var floor = stays < 0 ? 0 : sequences[stays] < below ? sequences[stays] : places[stays]!.Value;
            var step = Math.Clamp((below - floor) / (i - stays + 1), 1, Room);
            for (; i > stays; i--)
            {
                below = sequences[i] = below - step;
            }
        }

        return [.. sorted.Select((entry, i) => (entry, sequences[i]))];
    }

    // Of those with the same id the last one has the place: it is what stayed.
    private static long?[] PlacesOf(List<ForeignEntry> sorted, IReadOnlyDictionary<string, long> placed)
    {
        var places = new long?[sorted.Count];
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = sorted.Count - 1; i >= 0; i--)
        {
            places[i] = placed.TryGetValue(sorted[i].Id, out var place) && seen.Add(sorted[i].Id) ? place : null;
        }

        return places;
    }
}
