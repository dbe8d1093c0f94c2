using AsyncCheckpoints.Worker.Jobs;

namespace AsyncCheckpoints.Worker.Retention;

/// <summary>Finds the rule of an execution.</summary>
internal sealed class RetentionRules
{
    private readonly List<(ExecutionPattern Pattern, RetentionRule Rule)> _rules;

    /// <summary>Prepares rules.</summary>
    /// <param name="rules">In their order.</param>
    public RetentionRules(IEnumerable<RetentionRule> rules) => _rules = [.. rules.Select(rule => (new ExecutionPattern(rule.Executions), rule))];

    /// <summary>What is wrong with rules.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="path">Where they are.</param>
    public static IEnumerable<string> Check(IReadOnlyList<RetentionRule> rules, string path)
    {
        for (var i = 0; i < rules.Count; i++)
        {
            if (rules[i] is not { } rule)
            {
                yield return $"{path}:{i} is null; a rule is required.";
                continue;
            }

            if (string.IsNullOrEmpty(rule.Executions) || rule.Executions.Length > 256)
            {
                yield return $"{path}:{i}:Executions has {rule.Executions?.Length ?? 0} characters; 1 to 256 are allowed.";
            }

            if (rule.Executions?.Any(char.IsControl) is true)
            {
                yield return $"{path}:{i}:Executions has a control character; none is allowed.";
            }

            if (rule.MaxAge is { } age && age <= TimeSpan.Zero)
            {
                yield return $"{path}:{i}:MaxAge is {age}; more than 00:00:00 is allowed.";
            }

            if (rule.KeepLast is < 1 or > 10_000_000)
            {
                yield return $"{path}:{i}:KeepLast is {rule.KeepLast}; 1 to 10000000 is allowed.";
            }

            if (rule.KeepForever == (rule.MaxAge is not null || rule.KeepLast is not null))
            {
                yield return $"{path}:{i} has KeepForever {rule.KeepForever}, MaxAge {rule.MaxAge?.ToString() ?? "-"} and KeepLast {rule.KeepLast?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "-"}; either KeepForever, or at least one of the others, is allowed.";
            }
        }
    }

    /// <summary>The rule of an execution; null: everything is kept.</summary>
    /// <param name="execution">The execution.</param>
    public RetentionRule? Of(string execution) => _rules.FirstOrDefault(pair => pair.Pattern.Fits(execution)).Rule is { KeepForever: false } rule ? rule : null;
}
