using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker;

/// <summary>Reports every setting that is out of bounds at once, each with its path, value and bound.</summary>
internal sealed class WorkerOptionsValidator : IValidateOptions<WorkerOptions>
{
    public ValidateOptionsResult Validate(string? name, WorkerOptions options)
    {
        var failures = new List<string>();
        foreach (var property in typeof(WorkerOptions).GetProperties())
        {
            foreach (var range in property.GetCustomAttributes(typeof(RangeAttribute), inherit: false).Cast<RangeAttribute>())
            {
                var value = property.GetValue(options);
                if (!range.IsValid(value))
                {
                    failures.Add($"Worker:{property.Name} is {value}; {range.Minimum} to {range.Maximum} is allowed.");
                }
            }
        }

        if (string.IsNullOrWhiteSpace(options.DataPath))
        {
            failures.Add("Worker:DataPath is empty; a folder is required.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
