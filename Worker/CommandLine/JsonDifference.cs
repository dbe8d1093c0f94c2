using System.Text.Json;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>A place where two checkpoints differ.</summary>
/// <param name="Path">Where, such as "state.step".</param>
/// <param name="First">What the first has there; null: nothing.</param>
/// <param name="Second">What the second has there; null: nothing.</param>
internal sealed record JsonDifference(string Path, string? First, string? Second)
{
    private const int MaxShown = 200;

    /// <summary>Compares values.</summary>
    public static void Compare(string path, JsonElement first, JsonElement second, List<JsonDifference> differences)
    {
        if (first.ValueKind == JsonValueKind.Object && second.ValueKind == JsonValueKind.Object)
        {
            foreach (var name in first.EnumerateObject().Concat(second.EnumerateObject()).Select(member => member.Name).Distinct())
            {
                CompareMembers($"{path}.{name}", first.TryGetProperty(name, out var a) ? a : null, second.TryGetProperty(name, out var b) ? b : null, differences);
            }
        }
        else if (first.ValueKind == JsonValueKind.Array && second.ValueKind == JsonValueKind.Array)
        {
            for (var i = 0; i < Math.Max(first.GetArrayLength(), second.GetArrayLength()); i++)
            {
                CompareMembers($"{path}[{i}]", i < first.GetArrayLength() ? first[i] : null, i < second.GetArrayLength() ? second[i] : null, differences);
            }
        }
        else if (!JsonElement.DeepEquals(first, second))
        {
            differences.Add(new JsonDifference(path, Show(first), Show(second)));
        }
    }

    /// <summary>Compares states: as JSON where both are, else byte for byte.</summary>
    public static void CompareStates(byte[] first, byte[] second, List<JsonDifference> differences)
    {
        if (first.AsSpan().SequenceEqual(second))
        {
            return;
        }

        try
        {
            Compare("state", JsonElement.Parse(first), JsonElement.Parse(second), differences);
        }
        catch (JsonException)
        {
            var at = first.AsSpan().CommonPrefixLength(second);
            differences.Add(new JsonDifference($"state (byte {at})", $"{first.Length} bytes", $"{second.Length} bytes"));
        }
    }

    private static void CompareMembers(string path, JsonElement? first, JsonElement? second, List<JsonDifference> differences)
    {
        if (first is { } a && second is { } b)
        {
            Compare(path, a, b, differences);
        }
        else
        {
            differences.Add(new JsonDifference(path, first is { } only ? Show(only) : null, second is { } other ? Show(other) : null));
        }
    }

    private static string Show(JsonElement value)
    {
        var text = value.GetRawText();
        return text.Length <= MaxShown ? text : text[..MaxShown] + "…";
    }
}
