using System.Text.RegularExpressions;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>What the program prints, to be compared.</summary>
internal static partial class CliText
{
    /// <summary>The text without what no two runs have in common: ids of jobs, times, rates.</summary>
    /// <param name="text">The text.</param>
    public static string Masked(string text) => Rate().Replace(Time().Replace(Id().Replace(text, "<id>"), "<time>"), "<n>");

    [GeneratedRegex("[0-9a-f]{32}")]
    private static partial Regex Id();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")]
    private static partial Regex Time();

    [GeneratedRegex("(?<=\"rate\":)[0-9.]+")]
    private static partial Regex Rate();
}
