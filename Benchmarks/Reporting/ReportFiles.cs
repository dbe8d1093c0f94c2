using System.Text.Json;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Reporting;

/// <summary>Writes the JSON, and the document when it is asked for.</summary>
internal static class ReportFiles
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

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
            await File.WriteAllTextAsync(markdown, MarkdownDocument.Of(report, arguments));
        }
    }

    private static string ToJson(Report report) => JsonSerializer.Serialize(
        new
        {
            settings = report.Settings.ToDictionary(setting => setting.Name, setting => setting.Value),
            peakMemoryMegabytes = report.Memory.ToDictionary(process => process.Process, process => process.Megabytes),
            measures = report.Outcomes.Select(outcome => new
            {
                name = outcome.Measure.Name,
                title = outcome.Measure.Title,
                metric = outcome.Measure.Metric,
                contenders = outcome.Figures.Select(figures => new { name = figures.Contender, rounds = figures.Rounds, medians = Medians(figures) }),
                targets = outcome.Verdicts.Select(verdict => new
                {
                    of = verdict.Target.Of,
                    target = verdict.Target.Text,
                    value = verdict.Value,
                    against = verdict.Against,
                    met = verdict.IsMet,
                }),
            }),
        },
        Indented);

    private static Dictionary<string, double> Medians(Figures figures) => figures.Metrics.ToDictionary(metric => metric, figures.Median);
}
