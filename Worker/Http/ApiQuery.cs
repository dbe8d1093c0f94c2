using System.Globalization;
using System.Text.Json;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// A request's query parameters, read strictly: what is unknown, given twice or not of its type is an
/// <see cref="ArgumentException"/>, so that a typing error never changes what a request means.
/// </summary>
internal sealed class ApiQuery
{
    private const int ShownLength = 64;
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>Reads the query.</summary>
    /// <param name="context">The request.</param>
    /// <param name="known">The parameters that it may have.</param>
    /// <exception cref="ArgumentException">It has others, or one twice, or badly encoded.</exception>
    public ApiQuery(HttpContext context, params ReadOnlySpan<string> known)
    {
        var unknown = new List<string>();
        foreach (var pair in (context.Request.QueryString.Value ?? "").TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = PercentText.Decode(equals < 0 ? pair : pair.AsSpan(0, equals), "query", plusIsSpace: true);
            if (!known.Contains(name))
            {
                unknown.Add($"'{Shorten(name)}'");
            }
            else if (equals < 0)
            {
                throw new ArgumentException($"Query parameter '{name}' has no value; write '{name}=…'.", name);
            }
            else if (!_values.TryAdd(name, PercentText.Decode(pair.AsSpan(equals + 1), name, plusIsSpace: true)))
            {
                throw new ArgumentException($"Query parameter '{name}' is given twice; once is allowed.", name);
            }
        }

        if (unknown.Count > 0)
        {
            throw new ArgumentException(
                known.IsEmpty
                    ? $"Query parameter {string.Join(", ", unknown)} is not known here; none is allowed."
                    : $"Query parameter {string.Join(", ", unknown)} is not known here; {string.Join(", ", known!)} are allowed.",
                "query");
        }
    }

    /// <summary>A text; null when it is not given.</summary>
    public string? Text(string name) => _values.GetValueOrDefault(name);

    /// <summary>A text that must be given.</summary>
    public string RequiredText(string name) => Text(name) ?? throw new ArgumentException($"Query parameter '{name}' is missing; it must be given.", name);

    /// <summary>A whole number; null when it is not given.</summary>
    public long? Number(string name, long minimum = long.MinValue, long maximum = long.MaxValue)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) && number >= minimum && number <= maximum
            ? number
            : throw Invalid(name, text, $"a whole number from {minimum} to {maximum} is allowed");
    }

    /// <summary>True or false; null when it is not given.</summary>
    public bool? Flag(string name) => Text(name) switch
    {
        null => null,
        "true" => true,
        "false" => false,
        var text => throw Invalid(name, text, "true and false are allowed"),
    };

    /// <summary>The place of a word in a list of words; null when it is not given.</summary>
    public int? Word(string name, params ReadOnlySpan<string> words)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        var index = words.IndexOf(text);
        return index >= 0 ? index : throw Invalid(name, text, $"{string.Join(", ", words!)} are allowed");
    }

    /// <summary>A level; null when it is not given.</summary>
    public Durability? Durability(string name) => (Durability?)Word(name, "buffered", "cached", "queued", "persisted");

    /// <summary>A moment; null when it is not given.</summary>
    public DateTimeOffset? Time(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        ReadOnlySpan<string> formats = ["yyyy-MM-ddTHH:mm:ss.FFFFFFFzzz", "yyyy-MM-ddTHH:mm:ss.FFFFFFFZ", "yyyy-MM-ddTHH:mm:sszzz", "yyyy-MM-ddTHH:mm:ssZ"];
        return DateTimeOffset.TryParseExact(text, [.. formats], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
            ? time
            : throw Invalid(name, text, "an ISO 8601 moment such as 2026-01-31T12:00:00.123456Z is allowed");
    }

    /// <summary>JSON; null when it is not given.</summary>
    public JsonElement? Json(string name) => Text(name) is { } text ? ParseJson(name, text) : null;

    /// <summary>Reads JSON.</summary>
    /// <param name="name">What to call it in an error.</param>
    /// <param name="json">The text.</param>
    /// <exception cref="ArgumentException">It is not JSON.</exception>
    public static JsonElement ParseJson(string name, string json)
    {
        try
        {
            return JsonElement.Parse(json);
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"{name} is '{Shorten(json)}', which is not JSON (byte {e.BytePositionInLine}); a JSON object is allowed.", name, e);
        }
    }

    private static ArgumentException Invalid(string name, string value, string bound) =>
        new($"Query parameter '{name}' is '{Shorten(value)}'; {bound}.", name);

    private static string Shorten(string text) => text.Length <= ShownLength ? text : text[..ShownLength] + "…";
}
