using System.Text.Json;

namespace AsyncCheckpoints.Contracts;

/// <summary>The one meaning of a metadata filter, for every store that cannot evaluate it itself.</summary>
internal static class MetadataFilter
{
    /// <summary>Whether metadata contains the filter: objects member by member, everything else by equal value.</summary>
    /// <param name="metadata">The checkpoint's metadata.</param>
    /// <param name="filter">The filter; an object.</param>
    public static bool Matches(JsonElement? metadata, JsonElement filter) => metadata is { } element && Contains(element, filter);

    private static bool Contains(JsonElement value, JsonElement filter)
    {
        if (filter.ValueKind != JsonValueKind.Object)
        {
            return JsonElement.DeepEquals(value, filter);
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            return false;
        }

        foreach (var member in filter.EnumerateObject())
        {
            if (!value.TryGetProperty(member.Name, out var inner) || !Contains(inner, member.Value))
            {
                return false;
            }
        }

        return true;
    }
}
