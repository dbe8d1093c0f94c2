using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints;

/// <summary>Checks the arguments of one save.</summary>
internal static class SaveOptionsValidator
{
    /// <summary>Checks the options of a save.</summary>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">One is out of bounds; a retry fails again.</exception>
    public static void Validate(SaveOptions options)
    {
        Validate(options.Durability);
        if (options.ExpectedLatestId is { } expected)
        {
            CheckpointLimits.ValidateText(expected, nameof(SaveOptions.ExpectedLatestId), minimum: 0);
            if (options.Durability == Durability.Buffered)
            {
                throw new ArgumentException(
                    $"ExpectedLatestId is '{expected}' and Durability is Buffered; a save with an expectation needs Cached or more.",
                    nameof(SaveOptions.Durability));
            }
        }
    }

    /// <summary>Checks a level.</summary>
    /// <param name="durability">The level, if any.</param>
    public static Durability? Validate(Durability? durability) => durability is not { } level || Enum.IsDefined(level)
        ? durability
        : throw new ArgumentException($"Durability is {level}; {string.Join(", ", Enum.GetNames<Durability>())} are allowed.", nameof(SaveOptions.Durability));
}
