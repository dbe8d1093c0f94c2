using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>Reports every setting that is out of bounds at once. A table's name becomes part of SQL text, so only identifiers pass.</summary>
internal sealed partial class JobOptionsValidator : IValidateOptions<JobOptions>
{
    public ValidateOptionsResult Validate(string? name, JobOptions options)
    {
        var failures = OptionRanges.Check("Jobs", options).ToList();
        foreach (var (key, source) in options.Sources)
        {
            Validate($"Jobs:Sources:{key}", source, failures);
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static void Validate(string path, JobSourceOptions source, List<string> failures)
    {
        if (source.Kind == JobSourceKind.None)
        {
            failures.Add($"{path}:Kind is not set; {string.Join(", ", Enum.GetNames<JobSourceKind>().Skip(1))} are allowed.");
            return;
        }

        var isPath = source.Kind is JobSourceKind.Sqlite or JobSourceKind.LangGraphGoSqlite or JobSourceKind.LangGraphGoFiles;
        if (string.IsNullOrWhiteSpace(isPath ? source.Path : source.ConnectionString))
        {
            failures.Add($"{path}:{(isPath ? "Path" : "ConnectionString")} is not set; {source.Kind} requires it.");
        }

        if (!TablePattern().IsMatch(source.Table))
        {
            failures.Add($"{path}:Table is '{source.Table}'; an identifier, or two with a dot between, is allowed.");
        }
    }

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?\z", RegexOptions.CultureInvariant)]
    private static partial Regex TablePattern();
}
