using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace AsyncCheckpoints.Contracts;

/// <summary>
/// A place in the total order of a listing: by sequence, then namespace, then id (both in UTF-8 byte order, as every
/// store compares them).
/// </summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Namespace">The namespace.</param>
/// <param name="Id">The checkpoint's id.</param>
internal readonly record struct ListPosition(long Sequence, string Namespace, string Id) : IComparable<ListPosition>
{
    /// <summary>The place of a checkpoint.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    public static ListPosition Of(Checkpoint checkpoint) => new(checkpoint.Sequence, checkpoint.Namespace, checkpoint.Id);

    /// <inheritdoc />
    public int CompareTo(ListPosition other)
    {
        var order = Sequence.CompareTo(other.Sequence);
        order = order != 0 ? order : CompareUtf8(Namespace, other.Namespace);
        return order != 0 ? order : CompareUtf8(Id, other.Id);
    }

    /// <summary>UTF-8 byte order, which differs from UTF-16 order beyond the basic plane.</summary>
    /// <param name="a">A text.</param>
    /// <param name="b">Another.</param>
    public static int CompareUtf8(string a, string b)
    {
        var length = Math.Min(a.Length, b.Length);
        for (var i = 0; i < length; i++)
        {
            if (a[i] != b[i])
            {
                // A surrogate stands for a code point above all others.
                return char.IsSurrogate(a[i]) == char.IsSurrogate(b[i]) ? a[i] - b[i] : char.IsSurrogate(a[i]) ? 1 : -1;
            }
        }

        return a.Length - b.Length;
    }

    /// <summary>An opaque text for <see cref="CheckpointQuery.ContinuationToken"/>.</summary>
    public string ToToken() => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(new[] { $"{Sequence}", Namespace, Id }));

    /// <summary>Reads what <see cref="ToToken"/> wrote.</summary>
    /// <param name="token">The text.</param>
    /// <exception cref="ArgumentException">It is not such a text.</exception>
    public static ListPosition FromToken(string token)
    {
        try
        {
            var parts = JsonSerializer.Deserialize<string[]>(Base64Url.DecodeFromChars(token));
            if (parts is [{ } sequence, { } ns, { } id] && long.TryParse(sequence, out var number))
            {
                return new ListPosition(number, ns, id);
            }
        }
        catch (Exception e) when (e is FormatException or JsonException or DecoderFallbackException)
        {
            throw Invalid(token, e);
        }

        throw Invalid(token, null);
    }

    private static ArgumentException Invalid(string token, Exception? inner) => new(
        $"ContinuationToken '{(token.Length > 64 ? token[..64] + "…" : token)}' is not one that a page returned.",
        nameof(CheckpointQuery.ContinuationToken),
        inner);
}
