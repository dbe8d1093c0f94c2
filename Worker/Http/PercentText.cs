using System.Globalization;
using System.Text;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Percent-encoding (RFC 3986) of UTF-8, read strictly. In a path an id of only dots ("." or "..") would be taken for a
/// step through folders by URL parsers on the way, even percent-encoded; it is written with a "~" before it, and an id
/// that looks like that ("~..") gets one more. Every other id stands for itself.
/// </summary>
internal static class PercentText
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes a text.</summary>
    /// <param name="text">The encoded text.</param>
    /// <param name="what">What to call it in an error.</param>
    /// <param name="plusIsSpace">Whether "+" is a space, as in a query.</param>
    /// <exception cref="ArgumentException">It is not percent-encoded UTF-8.</exception>
    public static string Decode(ReadOnlySpan<char> text, string what, bool plusIsSpace = false)
    {
        var bytes = new byte[text.Length];
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (!char.IsAscii(c))
            {
                throw new ArgumentException($"{what} has the character U+{(int)c:X4} at position {i}; non-ASCII characters must be percent-encoded UTF-8.", what);
            }

            if (c == '%')
            {
                if (i + 3 > text.Length || !byte.TryParse(text.Slice(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
                {
                    throw new ArgumentException($"{what} has a '%' at position {i} without two hexadecimal digits; a literal one is written %25.", what);
                }

                // No database takes it, and no text here has it.
                bytes[length++] = value != 0 ? value : throw new ArgumentException($"{what} has %00 at position {i}; U+0000 is not allowed.", what);
                i += 2;
            }
            else
            {
                bytes[length++] = c == '+' && plusIsSpace ? (byte)' ' : (byte)c;
            }
        }

        try
        {
            return Strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException e)
        {
            throw new ArgumentException($"{what} is not UTF-8 once it is percent-decoded.", what, e);
        }
    }

    /// <summary>Decodes a path segment.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="what">What to call it in an error.</param>
    /// <exception cref="ArgumentException">It is not percent-encoded UTF-8, or only dots.</exception>
    public static string DecodeSegment(ReadOnlySpan<char> segment, string what)
    {
        var text = Decode(segment, what);
        if (!IsDots(text))
        {
            return text;
        }

        return text[0] == '~'
            ? text[1..]
            : throw new ArgumentException($"{what} is '{text}', which URLs take for a folder; write it '~{text}'.", what);
    }

    /// <summary>Encodes an id for a path.</summary>
    /// <param name="id">The id.</param>
    public static string EncodeSegment(string id) => IsDots(id) ? "~" + id : Uri.EscapeDataString(id);

    private static bool IsDots(string text) => text.AsSpan().TrimStart('~') is "." or "..";
}
