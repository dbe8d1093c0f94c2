using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Http.Access;

/// <summary>Reports every setting that is out of bounds at once, each with its path, value and bound. Hashes are not shown.</summary>
internal sealed class ApiOptionsValidator : IValidateOptions<ApiOptions>
{
    /// <summary>The longest name of a key, in characters.</summary>
    public const int MaxNameLength = 64;

    public static bool IsName(string name) =>
        name.Length is >= 1 and <= MaxNameLength && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    public ValidateOptionsResult Validate(string? name, ApiOptions options)
    {
        var failures = OptionRanges.Check("Worker:Http", options).ToList();
        var hashes = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (key, value) in options.ApiKeys)
        {
            var path = $"Worker:Http:ApiKeys:{key}";
            if (!IsName(key))
            {
                failures.Add($"{path} has a name of {key.Length} characters; 1 to {MaxNameLength} letters, digits, '-', '_' or '.' are allowed.");
            }

            if (ApiAccess.ToRole(value.Role) is null)
            {
                failures.Add($"{path}:Role is '{value.Role}'; read, write or operate is required.");
            }

            if (value.Sha256.Length != 64 || !value.Sha256.All(char.IsAsciiHexDigit))
            {
                failures.Add($"{path}:Sha256 has {value.Sha256.Length} characters; the 64 hexadecimal digits that 'checkpoints api-key create' prints are required.");
            }
            else if (!hashes.TryAdd(value.Sha256, key))
            {
                failures.Add($"{path}:Sha256 is that of '{hashes[value.Sha256]}'; each name needs a key of its own.");
            }
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
