using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Spool;

/// <summary>Checks <see cref="CheckpointSpoolOptions"/>.</summary>
internal sealed class CheckpointSpoolOptionsValidator : IValidateOptions<CheckpointSpoolOptions>
{
    private const long Least = 1024 * 1024;
    private const long Most = 1024L * 1024 * 1024 * 1024;

    public ValidateOptionsResult Validate(string? name, CheckpointSpoolOptions options)
    {
        var failures = new List<string>();
        if (string.IsNullOrWhiteSpace(options.SpoolPath) || options.SpoolPath.Contains(":memory:", StringComparison.OrdinalIgnoreCase))
        {
            failures.Add($"SpoolPath is '{options.SpoolPath}'; the path of a file is required.");
        }

        if (options.MaxSpoolBytes is < Least or > Most)
        {
            failures.Add($"MaxSpoolBytes is {options.MaxSpoolBytes}; {Least} to {Most} are allowed.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
