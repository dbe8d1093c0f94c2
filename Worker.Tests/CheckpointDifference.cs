using System.Text.Json;

namespace AsyncCheckpoints.Tests;

/// <summary>Compares checkpoints in all that they have.</summary>
internal static class CheckpointDifference
{
    /// <summary>What is not the same in two checkpoints; null: nothing, byte for byte.</summary>
    public static string? Of(Checkpoint found, Checkpoint expected) =>
        found.Key != expected.Key || found.Sequence != expected.Sequence ? $"expected {expected.Key} at {expected.Sequence}"
        : !found.State.Span.SequenceEqual(expected.State.Span) ? $"a state of {found.State.Length} bytes, not the expected {expected.State.Length}"
        : !AreEqual(found.Metadata, expected.Metadata) ? $"metadata {found.Metadata}, expected {expected.Metadata}"
        : (found with { State = default, Metadata = null }) != (expected with { State = default, Metadata = null })
            ? $"{found with { Metadata = null }}, expected {expected with { Metadata = null }}"
        : null;

    private static bool AreEqual(JsonElement? found, JsonElement? expected) =>
        found is { } one && expected is { } other ? JsonElement.DeepEquals(one, other) : found is null && expected is null;
}
