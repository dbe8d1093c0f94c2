using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker;

/// <summary>Reports every setting that is out of bounds at once, each with its path, value and bound.</summary>
internal sealed class WorkerOptionsValidator : IValidateOptions<WorkerOptions>
{
    public ValidateOptionsResult Validate(string? name, WorkerOptions options)
    {
        var failures = OptionRanges.Check("Worker", options).ToList();
        if (string.IsNullOrWhiteSpace(options.DataPath))
        {
            failures.Add("Worker:DataPath is empty; a folder is required.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
