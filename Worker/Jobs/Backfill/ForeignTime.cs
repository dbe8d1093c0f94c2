using System.Globalization;
using System.Text.RegularExpressions;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// Reads a time as Go writes it: RFC 3339 with nanoseconds (encoding/json), or what drivers of SQLite store, which may go
/// on with a zone's name and a monotonic clock ("2026-01-02 03:04:05.123456789 +0000 UTC m=+0.01").
/// </summary>
internal static partial class ForeignTime
{
    /// <summary>Reads a time; without an offset it is UTC.</summary>
    /// <param name="text">The text.</param>
    /// <param name="time">To the tick.</param>
    /// <param name="nanoseconds">The rest: 0 to 99.</param>
    public static bool TryParse(string? text, out DateTimeOffset time, out int nanoseconds)
    {
        (time, nanoseconds) = (default, 0);
        if (text is null || Pattern().Match(text) is not { Success: true } match)
        {
            return false;
        }

        var offset = match.Groups["offset"].Value is { Length: > 0 } zone && zone != "Z" ? zone.Length == 5 ? zone.Insert(3, ":") : zone : "+00:00";
        if (!DateTimeOffset.TryParseExact(
            $"{match.Groups["date"].Value}T{match.Groups["clock"].Value}{offset}",
            "yyyy-MM-dd'T'HH:mm:sszzz",
            CultureInfo.InvariantCulture,
            DateTimeStyles.AdjustToUniversal,
            out time))
        {
            return false;
        }

        var fraction = int.Parse(match.Groups["fraction"].Value.PadRight(9, '0')[..9], CultureInfo.InvariantCulture);
        time = time.AddTicks(fraction / 100);
        nanoseconds = fraction % 100;
        return true;
    }

    [GeneratedRegex(
        @"\A(?<date>\d{4}-\d{2}-\d{2})[T ](?<clock>\d{2}:\d{2}:\d{2})(\.(?<fraction>\d{1,12}))?\s*(?<offset>Z|[+-]\d{2}:?\d{2})?(\s+[A-Za-z0-9+-]+)?(\s+m=[+-][0-9.]+)?\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
