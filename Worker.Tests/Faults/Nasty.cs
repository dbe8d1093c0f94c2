using System.Text.Json;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>Seeded input that nobody should send.</summary>
internal sealed class Nasty(Random random)
{
    private static readonly string[] Texts =
    [
        "", " ", ".", "..", "../../etc/passwd", "..\\..\\windows", "/", "a/b/c", "{}", "{x:1}", "}{", "{{0}}", "'", "\"", "'; DROP TABLE checkpoints; --", "`$(id)`",
        "%00%n%s", "a\nb", "a\r\nb", "a\tb", "\0", "a\0b", "\u001f", "a\u001fb", "\u0001", "\u0085", "\u007f", "\u202Egnp.exe", "\u200F\u061C", "\uFEFF", "e\u0301",
        "\uD800", "\uDC00x", "x\uD83D", "😀", "𝕏", "NULL", "null", "-1", "1e999", "*", "-", "+", "?", "[a-z]", "h:x", "true", "\\", "\\u0000", "<script>", "\uFFFE\uFFFF",
    ];

    private static readonly string[] Metadata =
    [
        "{}", "[]", "1", "null", "\"x\"", "{\"a\":1}", "{\"a\":1,\"a\":2}", "{\"a\":1e400}", "{\"a\":1e-400}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}",
        "{\"\":{}}", "{\"$\":\"'; DROP\"}", "{\"a\":123456789012345678901234567890123456789012345678901234567890123456789}",
    ];

    public string Text() => random.Next(8) switch
    {
        0 => new string('x', 255 + random.Next(3)),
        1 => new string('\u4e2d', 250 + random.Next(10)),
        2 => Texts[random.Next(Texts.Length)] + Texts[random.Next(Texts.Length)],
        3 => new string([.. Enumerable.Range(0, random.Next(20)).Select(_ => (char)random.Next(0x10000))]),
        _ => Texts[random.Next(Texts.Length)],
    };

    public JsonElement? Json()
    {
        switch (random.Next(5))
        {
            case 0:
                return null;
            case 1:
                var depth = random.Next(1, 60);
                return Parse(string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth));
            case 2:
                return Parse($"{{\"a\":\"{new string('x', random.Next(2) == 0 ? 100 : 70_000)}\"}}");
            default:
                return Parse(Metadata[random.Next(Metadata.Length)]);
        }

        static JsonElement Parse(string json) => JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 100 }).RootElement;
    }

    public byte[] Bytes(int max)
    {
        var bytes = new byte[random.Next(max)];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Something else in place of bytes that are right.</summary>
    public byte[] Spoil(byte[] good)
    {
        var bytes = (byte[])good.Clone();
        switch (random.Next(4))
        {
            case 0:
                return bytes[..random.Next(bytes.Length)];
            case 1:
                return Bytes(300);
            case 2:
                return [.. bytes, .. Bytes(50)];
            default:
                for (var flips = 1 + random.Next(8); flips > 0; flips--)
                {
                    bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
                }

                return bytes;
        }
    }
}
