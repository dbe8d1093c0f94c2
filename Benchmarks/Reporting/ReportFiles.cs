using System.Text.Json;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Reporting;

/// <summary>Writes the JSON, and the document when it is asked for.</summary>
internal static class ReportFiles
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The measures of the run before, whose figures a run of some measures keeps.</summary>
    /// <param name="arguments">The command line.</param>
    public static async Task<IReadOnlyList<Outcome>> ReadAsync(BenchArguments arguments)
    {
        if (arguments.Only.Count == 0 || arguments.IsProfile || !File.Exists(arguments.Json))
        {
            return [];
        }

        using var document = JsonDocument.Parse(await File.ReadAllTextAsync(arguments.Json));
        return [.. document.RootElement.GetProperty("measures").EnumerateArray().Select(Read).OfType<Outcome>()];
    }

    /// <summary>Writes what the command line names.</summary>
    /// <param name="report">The report.</param>
    /// <param name="arguments">The command line.</param>
    public static async Task WriteAsync(Report report, BenchArguments arguments)
    {
        if (arguments.Json is { } json)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(json))!);
            await File.WriteAllTextAsync(json, ToJson(report) + "\n");
        }

        if (arguments.Markdown is { } markdown)
        {
            await File.WriteAllTextAsync(markdown, MarkdownDocument.Of(report));
        }
    }

    private static string ToJson(Report report) => JsonSerializer.Serialize(
        new
        {
            settings = report.Settings.ToDictionary(setting => setting.Name, setting => setting.Value),
            peakMemoryMegabytes = report.Memory.ToDictionary(process => process.Process, process => process.Megabytes),
            measures = report.All.Select(outcome => new
            {
                name = outcome.Measure.Name,
                title = outcome.Measure.Title,
                metric = outcome.Measure.Metric,
                quick = outcome.IsQuick,
                contenders = outcome.Figures.Select(figures => new { name = figures.Contender, rounds = figures.Rounds, medians = Medians(figures) }),
                targets = outcome.Verdicts.Select(verdict => new
                {
                    of = verdict.Target.Of,
                    target = verdict.Target.Text,
                    value = verdict.Value,
                    against = verdict.Against,
                    bound = verdict.Bound,
                    met = verdict.IsMet,
                }),
            }),
        },
        Indented);

    private static Outcome? Read(JsonElement measure)
    {
        var figures = measure.GetProperty("contenders").EnumerateArray().Select(contender => new Figures(
            contender.GetProperty("name").GetString()!,
            [.. contender.GetProperty("rounds").EnumerateArray().Select(round => round.EnumerateObject().Aggregate(
                new Sample(), (sample, figure) => sample.With(figure.Name, figure.Value.GetDouble())))])).ToList();
        return Catalog.All.FirstOrDefault(known => known.Name == measure.GetProperty("name").GetString()) is { } known
            ? new Outcome(known, figures, measure.GetProperty("quick").GetBoolean())
            : null;
    }

    private static Dictionary<string, double> Medians(Figures figures) => figures.Metrics.ToDictionary(metric => metric, figures.Median);
}
