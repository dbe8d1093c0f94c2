namespace AsyncCheckpoints.Reading;

/// <summary>
/// Looks for a part of an id through a listing by prefix: no store has an index for that, so a page looks at a bounded
/// number of ids, in their order, and says how far it came.
/// </summary>
internal static class ExecutionSearch
{
    /// <summary>How many ids one page looks at.</summary>
    public const int MaxLooks = 10_000;

    private const int PageSize = 1000;

    /// <summary>Finds the next ids.</summary>
    /// <param name="list">The listing: so many ids behind one, in UTF-8 byte order.</param>
    /// <param name="part">What the ids have in them, to the letter.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">The most ids.</param>
    public static async Task<ExecutionHits> FindAsync(
        Func<string?, int, Task<IReadOnlyList<string>>> list, string part, string? after, int limit)
    {
        var found = new List<string>();
        for (var looks = 0; looks < MaxLooks; looks += PageSize)
        {
            var page = await list(after, PageSize);
            foreach (var id in page)
            {
                after = id;
                if (id.Contains(part, StringComparison.Ordinal))
                {
                    found.Add(id);
                    if (found.Count == limit)
                    {
                        return new ExecutionHits(found, after);
                    }
                }
            }

            if (page.Count < PageSize)
            {
                return new ExecutionHits(found, null);
            }
        }

        return new ExecutionHits(found, after);
    }
}

/// <summary>What a search found.</summary>
/// <param name="Ids">The ids; fewer than asked for, or none, does not mean that there are no more.</param>
/// <param name="End">The last id that was looked at; null: there is none behind it.</param>
internal readonly record struct ExecutionHits(IReadOnlyList<string> Ids, string? End);
