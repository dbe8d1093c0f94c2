using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks;

/// <summary>The command line: <c>[--quick] [--bench name[,name]] [--profile] [--json file] [--markdown file]</c>.</summary>
/// <param name="IsQuick">Smaller counts.</param>
/// <param name="Only">Names of measures; empty: all that take no hours.</param>
/// <param name="IsProfile">Only ours, without floors and peers, and PostgreSQL's own statistics at the end.</param>
/// <param name="Json">Where the figures go.</param>
/// <param name="Markdown">Where the document goes.</param>
internal sealed record BenchArguments(bool IsQuick, IReadOnlyList<string> Only, bool IsProfile, string? Json, string? Markdown)
{
    /// <summary>Reads them.</summary>
    /// <param name="arguments">The command line.</param>
    /// <exception cref="ArgumentException">One is unknown.</exception>
    public static BenchArguments Parse(string[] arguments)
    {
        var result = new BenchArguments(false, [], false, null, null);
        for (var i = 0; i < arguments.Length; i++)
        {
            result = arguments[i] switch
            {
                "--quick" => result with { IsQuick = true },
                "--profile" => result with { IsProfile = true },
                "--bench" => result with { Only = Value().Split(',', StringSplitOptions.RemoveEmptyEntries) },
                "--json" => result with { Json = Value() },
                "--markdown" => result with { Markdown = Value() },
                _ => throw new ArgumentException($"Unknown argument {arguments[i]}."),
            };

            string Value() => ++i < arguments.Length ? arguments[i] : throw new ArgumentException($"{arguments[i - 1]} needs a value.");
        }

        var unknown = result.Only.Except(Catalog.All.Select(measure => measure.Name)).ToList();
        return unknown.Count == 0
            ? result
            : throw new ArgumentException($"Unknown measure {unknown[0]}; known: {string.Join(", ", Catalog.All.Select(measure => measure.Name))}.");
    }

    /// <summary>The measures to run.</summary>
    public IEnumerable<Measure> Selected => Catalog.All
        .Where(measure => Only.Count > 0 ? Only.Contains(measure.Name) : !measure.IsOnRequest)
        .Select(measure => IsProfile ? measure with { Contenders = [measure.Contenders[^1]] } : measure);
}
