using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints;

/// <summary>Reports every setting that is out of bounds at once, each with its path, value and bound.</summary>
internal sealed partial class CheckpointOptionsValidator : IValidateOptions<CheckpointOptions>
{
    public ValidateOptionsResult Validate(string? name, CheckpointOptions options)
    {
        var failures = OptionRanges.Check("Checkpoints", options).ToList();
        if (!PrefixPattern().IsMatch(options.Prefix ?? ""))
        {
            failures.Add($"Checkpoints:Prefix is '{options.Prefix}'; 1 to 64 letters, digits, '-', '_' and '.' are allowed.");
        }

        if (!Enum.IsDefined(options.DefaultDurability))
        {
            failures.Add($"Checkpoints:DefaultDurability is {options.DefaultDurability}; {string.Join(", ", Enum.GetNames<Durability>())} are allowed.");
        }

        if (options.SlidingCacheTtl && options.CacheTtl is null)
        {
            failures.Add("Checkpoints:SlidingCacheTtl is True but Checkpoints:CacheTtl is not set; a TTL must be given for reads to extend.");
        }

        if (options.CacheTtl > options.TombstoneRetention)
        {
            failures.Add(
                $"Checkpoints:TombstoneRetention is {options.TombstoneRetention}, below Checkpoints:CacheTtl of {options.CacheTtl}; it must be at least as long.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex PrefixPattern();
}
