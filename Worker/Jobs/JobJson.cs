using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>How arguments and cursors are written: camel case, and nothing unknown or twice in them.</summary>
internal static class JobJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.Strict,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
    };

    /// <summary>Reads arguments.</summary>
    /// <typeparam name="T">Their type.</typeparam>
    /// <param name="arguments">A JSON object.</param>
    /// <exception cref="ArgumentException">They are not of that type.</exception>
    public static T Arguments<T>(JsonElement arguments)
        where T : class
    {
        try
        {
            return arguments.Deserialize<T>(Options) ?? throw new ArgumentException("Arguments are null; a JSON object is allowed.", nameof(arguments));
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"Arguments are not valid at {e.Path ?? "$"}: {FirstSentence(e.Message)}", nameof(arguments), e);
        }
    }

    /// <summary>A cursor as text.</summary>
    public static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);

    /// <summary>Reads a cursor.</summary>
    public static T? Read<T>(string? text)
        where T : class => text is null ? null : JsonSerializer.Deserialize<T>(text, Options);

    // Behind it come the path again and names of this program's types.
    private static string FirstSentence(string message) => message.Split(" Path:", 2)[0].Split(" could not be mapped", 2)[0];
}
