namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>An entry's place in the order of its execution, which holds whatever the source loses or gains.</summary>
/// <param name="Time">Its timestamp.</param>
/// <param name="Nanoseconds">What a tick does not tell.</param>
/// <param name="Version">Its number.</param>
/// <param name="Locator">Which of those with the same time and number it is.</param>
internal sealed record ForeignPosition(DateTimeOffset Time, int Nanoseconds, long Version, string Locator)
{
    /// <summary>The place of an entry.</summary>
    /// <param name="entry">The entry.</param>
    public static ForeignPosition Of(ForeignEntry entry) => new(entry.Timestamp, entry.Nanoseconds, entry.Version, entry.Locator);

    /// <summary>How many entries of a plan are passed; of those at the same place none, when this one has gone.</summary>
    /// <param name="passed">The last one that is passed.</param>
    /// <param name="plan">The plan, in its order.</param>
    public static int CountUpTo(ForeignPosition passed, IReadOnlyList<(ForeignEntry Entry, long Sequence)> plan)
    {
        var key = (passed.Time, passed.Nanoseconds, passed.Version);
        var count = 0;
        for (var i = 0; i < plan.Count && KeyOf(plan[i].Entry).CompareTo(key) is var order && order <= 0; i++)
        {
            count = order < 0 || plan[i].Entry.Locator == passed.Locator ? i + 1 : count;
        }

        return count;
    }

    private static (DateTimeOffset Time, int Nanoseconds, long Version) KeyOf(ForeignEntry entry) => (entry.Timestamp, entry.Nanoseconds, entry.Version);
}
