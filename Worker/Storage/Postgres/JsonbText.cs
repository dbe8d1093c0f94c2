using System.Globalization;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

/// <summary>
/// Brings the text of a jsonb value back within <see cref="CheckpointLimits"/>. PostgreSQL puts a space behind every
/// comma and colon and writes numbers out (1E+300 as 301 digits), so what was within the limits when it was saved might
/// not be when it is read.
/// </summary>
internal static class JsonbText
{
    private const int LongestNumber = 64;

    /// <summary>Metadata as it goes into a checkpoint.</summary>
    /// <param name="json">The text of a jsonb value.</param>
    public static JsonElement? Parse(string? json)
    {
        if (json is null)
        {
            return null;
        }

        var compact = Compact(json, LongestNumber);
        if (Encoding.UTF8.GetByteCount(compact) > CheckpointLimits.MaxMetadataBytes)
        {
            compact = Compact(json, longestNumber: 3);
        }

        return CheckpointCodec.ParseMetadata(compact);
    }

    /// <summary>Without white space, and long numbers with an exponent.</summary>
    /// <param name="json">The text of a jsonb value.</param>
    /// <param name="longestNumber">The longest number to leave alone.</param>
    public static string Compact(string json, int longestNumber)
    {
        var text = new StringBuilder(json.Length);
        for (var i = 0; i < json.Length;)
        {
            var start = i;
            if (json[i] == '"')
            {
                for (i++; json[i] != '"'; i += json[i] == '\\' ? 2 : 1)
                {
                }

                text.Append(json, start, ++i - start);
            }
            else if (json[i] == '-' || char.IsAsciiDigit(json[i]))
            {
                while (i < json.Length && (json[i] is '-' or '.' || char.IsAsciiDigit(json[i])))
                {
                    i++;
                }

                AppendNumber(text, json.AsSpan(start, i - start), longestNumber);
            }
            else
            {
                if (json[i] != ' ')
                {
                    text.Append(json[i]);
                }

                i++;
            }
        }

        return text.ToString();
    }

    private static void AppendNumber(StringBuilder text, ReadOnlySpan<char> number, int longest)
    {
        if (number.Length <= longest)
        {
            text.Append(number);
            return;
        }

        var sign = number[0] == '-' ? "-" : "";
        var digits = number.TrimStart('-');
        var point = digits.IndexOf('.');
        var all = point < 0 ? digits.ToString() : string.Concat(digits[..point], digits[(point + 1)..]);
        var significant = all.TrimEnd('0');
        var exponent = (point < 0 ? digits.Length : point) - significant.Length;
        significant = significant.TrimStart('0');
        var result = significant.Length == 0 ? "0"
            : exponent == 0 ? sign + significant
            : string.Create(CultureInfo.InvariantCulture, $"{sign}{significant}E{exponent}");
        text.Append(result.Length < number.Length ? result : number);
    }
}
