using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace AsyncCheckpoints.Worker.Storage;

/// <summary>
/// The texts of a dead letter come from a message that is broken: without this, one that no database takes would hold up
/// its batch for ever.
/// </summary>
internal static class DeadLetterText
{
    /// <summary>Replaces what no database stores as text: NUL and halves of surrogate pairs.</summary>
    /// <param name="text">A text.</param>
    [return: NotNullIfNotNull(nameof(text))]
    public static string? Clean(string? text) =>
        text is null ? null : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', '\uFFFD');
}
