using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Sessions;

/// <summary>Reports every setting that is out of bounds at once, each with its value and bound.</summary>
internal static class CheckpointSessionOptionsValidator
{
    private const int MaxMaxCheckpoints = 1_000_000;
    private static readonly TimeSpan MaxSaveInterval = TimeSpan.FromDays(1);

    /// <summary>Checks the options.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">At least one is out of bounds.</exception>
    public static void Validate(CheckpointSessionOptions options)
    {
        var failures = new List<string>();
        try
        {
            CheckpointLimits.ValidateText(options.Namespace, nameof(options.Namespace), minimum: 0);
        }
        catch (ArgumentException e)
        {
            failures.Add(e.Message);
        }

        if (options.SaveInterval < TimeSpan.Zero || options.SaveInterval > MaxSaveInterval)
        {
            failures.Add($"SaveInterval is {options.SaveInterval}; {TimeSpan.Zero} to {MaxSaveInterval} is allowed.");
        }
        else if (options.SaveInterval > TimeSpan.Zero && !options.AutoSave)
        {
            failures.Add($"SaveInterval is {options.SaveInterval} but AutoSave is False; an interval is for automatic saves only.");
        }

        if (options.MaxCheckpoints is < 1 or > MaxMaxCheckpoints)
        {
            failures.Add($"MaxCheckpoints is {options.MaxCheckpoints}; 1 to {MaxMaxCheckpoints} are allowed, or null for all.");
        }

        if (options.Durability is { } durability && !Enum.IsDefined(durability))
        {
            failures.Add($"Durability is {durability}; {string.Join(", ", Enum.GetNames<Durability>())} are allowed.");
        }
        else if (options is { FenceWriters: true, Durability: Durability.Buffered })
        {
            failures.Add("Durability is Buffered but FenceWriters is True; a fenced save needs Cached or more.");
        }

        if (options.TimeProvider is null)
        {
            failures.Add("TimeProvider is null; it must be given.");
        }

        if (failures.Count > 0)
        {
            throw new ArgumentException(string.Join(' ', failures), nameof(options));
        }
    }
}
