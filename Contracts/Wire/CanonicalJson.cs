using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AsyncCheckpoints.Contracts;

/// <summary>
/// One text for equal JSON: no white space, members by the length of their names and then by name, each string and each
/// number written in one way. A store that keeps what JSON says and not how (PostgreSQL's jsonb) does not change it; its
/// order of members is jsonb's. The content hash is taken over it, so it is a contract.
/// </summary>
internal static class CanonicalJson
{
    // What is longer has an exponent.
    private const int LongestNumber = 64;

    /// <summary>The canonical text.</summary>
    /// <param name="value">JSON whose objects name no member twice.</param>
    public static string Of(JsonElement value)
    {
        try
        {
            var text = new StringBuilder();
            Append(text, value);
            return text.ToString();
        }
        catch (InvalidOperationException)
        {
            return value.GetRawText(); // Half a surrogate pair, which no valid checkpoint has.
        }
    }

    private static void Append(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                AppendObject(text, value);
                break;
            case JsonValueKind.Array:
                text.Append('[');
                var isFirst = true;
                foreach (var item in value.EnumerateArray())
                {
                    text.Append(isFirst ? "" : ",");
                    isFirst = false;
                    Append(text, item);
                }

                text.Append(']');
                break;
            case JsonValueKind.String:
                AppendString(text, value.GetString()!);
                break;
            case JsonValueKind.Number:
                AppendNumber(text, value.GetRawText());
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    private static void AppendObject(StringBuilder text, JsonElement value)
    {
        var members = new List<(string Name, JsonElement Value)>();
        foreach (var member in value.EnumerateObject())
        {
            members.Add((member.Name, member.Value));
        }

        members.Sort(static (a, b) => a.Name.Length != b.Name.Length ? a.Name.Length - b.Name.Length : string.CompareOrdinal(a.Name, b.Name));
        text.Append('{');
        for (var i = 0; i < members.Count; i++)
        {
            text.Append(i == 0 ? "" : ",");
            AppendString(text, members[i].Name);
            text.Append(':');
            Append(text, members[i].Value);
        }

        text.Append('}');
    }

    private static void AppendString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            if (c < ' ')
            {
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                text.Append(c is '"' or '\\' ? "\\" : "").Append(c);
            }
        }

        text.Append('"');
    }

    /// <summary>By its value: 100, 1E2 and 100.0 are the same, as are 0 and -0.</summary>
    private static void AppendNumber(StringBuilder text, string number)
    {
        var end = number.AsSpan().IndexOfAny('e', 'E');
        var mantissa = number.AsSpan(number[0] == '-' ? 1 : 0, (end < 0 ? number.Length : end) - (number[0] == '-' ? 1 : 0));
        var point = mantissa.IndexOf('.');
        var digits = point < 0 ? mantissa.ToString() : string.Concat(mantissa[..point], mantissa[(point + 1)..]);
        var significant = digits.AsSpan().Trim('0');
        if (significant.Length == 0)
        {
            text.Append('0');
            return;
        }

        var exponent = 0;
        if (end >= 0 && !int.TryParse(number.AsSpan(end + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
        {
            text.Append(number); // Beyond what any valid checkpoint has.
            return;
        }

        // The value is 0.d1d2d3… times ten to this power.
        var power = (long)exponent + (point < 0 ? mantissa.Length : point) - (digits.Length - digits.AsSpan().TrimStart('0').Length);
        text.Append(number[0] == '-' ? "-" : "");
        if (Math.Max(power, significant.Length) - Math.Min(power, 0) > LongestNumber)
        {
            text.Append(significant).Append(CultureInfo.InvariantCulture, $"E{power - significant.Length}");
        }
        else if (power <= 0)
        {
            text.Append("0.").Append('0', (int)-power).Append(significant);
        }
        else if (power >= significant.Length)
        {
            text.Append(significant).Append('0', (int)power - significant.Length);
        }
        else
        {
            text.Append(significant[..(int)power]).Append('.').Append(significant[(int)power..]);
        }
    }
}
