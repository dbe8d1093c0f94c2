using System.Text;
using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Reporting;

/// <summary>Tables for the terminal.</summary>
internal static class ConsoleTable
{
    /// <summary>The settings.</summary>
    /// <param name="report">The report.</param>
    public static string Settings(Report report) => Render([.. report.Settings.Select(setting => new[] { setting.Name, setting.Value })]);

    /// <summary>One measure: a line a contender, ours last; "ours ÷" is ours divided by it.</summary>
    /// <param name="outcome">The measure.</param>
    public static string Of(Outcome outcome)
    {
        var metrics = outcome.Figures.SelectMany(figures => figures.Metrics).Distinct().ToList();
        List<string[]> rows = [["", .. metrics, "ours ÷"]];
        foreach (var figures in outcome.Figures)
        {
            rows.Add([figures.Contender, .. metrics.Select(metric => Number.Text(figures, metric)), Number.Ratio(outcome, figures)]);
        }

        return $"\n{outcome.Title} [{outcome.Measure.Name}]\n{Render(rows)}";
    }

    /// <summary>All targets.</summary>
    /// <param name="report">The report.</param>
    public static string Targets(Report report)
    {
        List<string[]> rows = [["measure", "target", "reached", "bound", "met"]];
        foreach (var outcome in report.Outcomes)
        {
            rows.AddRange(outcome.Verdicts.Select(verdict => (string[])
                [outcome.Title, verdict.Target.Text, Number.Text(verdict), Number.Bound(verdict), verdict.Answer]));
        }

        return $"\nTargets\n{Render(rows)}";
    }

    /// <summary>Peak memory.</summary>
    /// <param name="report">The report.</param>
    public static string Memory(Report report) =>
        $"Peak memory, MB\n{Render([.. report.Memory.Select(process => new[] { process.Process, Number.Text(process.Megabytes) })])}";

    private static string Render(List<string[]> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.AppendLine("  " + string.Join("  ", row.Select((cell, column) => column == row.Length - 1 ? cell : cell.PadRight(widths[column]))).TrimEnd());
        }

        return text.ToString();
    }
}
