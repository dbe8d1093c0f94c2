using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Retention;

/// <summary>Reports everything that is wrong at once.</summary>
internal sealed class RetentionOptionsValidator : IValidateOptions<RetentionOptions>
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(365);

    public ValidateOptionsResult Validate(string? name, RetentionOptions options)
    {
        var failures = RetentionRules.Check(options.Rules, "Retention:Rules").ToList();
        if (options.Every < TimeSpan.Zero || options.Every > Longest)
        {
            failures.Add($"Retention:Every is {options.Every}; 00:00:00 to {Longest} is allowed.");
        }

        if (options.ItemsPerSecond is < 0 or > 1_000_000)
        {
            failures.Add($"Retention:ItemsPerSecond is {options.ItemsPerSecond}; 0 to 1000000 is allowed.");
        }

        if (options.Every > TimeSpan.Zero && options.Rules.Count == 0)
        {
            failures.Add($"Retention:Every is {options.Every} and Retention:Rules has no rule; a schedule needs at least one.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
