using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace AsyncCheckpoints.Contracts;

/// <summary>The bounds of every field. A violation is an <see cref="ArgumentException"/> that names field, value and bound.</summary>
public static class CheckpointLimits
{
    /// <summary>The longest execution id, namespace, checkpoint id, node name and content type, in UTF-16 characters.</summary>
    public const int MaxIdLength = 256;

    /// <summary>The largest metadata, in bytes of JSON text.</summary>
    public const int MaxMetadataBytes = 64 * 1024;

    /// <summary>The deepest nesting of metadata.</summary>
    public const int MaxMetadataDepth = 32;

    /// <summary>The default of the largest state, in bytes.</summary>
    public const int DefaultMaxStateBytes = 16 * 1024 * 1024;

    /// <summary>The largest sequence: a double, which is what Redis's sorted sets hold, has it exactly.</summary>
    internal const long MaxSequence = (1L << 53) - 1;

    /// <summary>Checks a checkpoint that is to be saved.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="maxStateBytes">The largest state allowed.</param>
    /// <exception cref="ArgumentNullException">There is none.</exception>
    /// <exception cref="ArgumentException">A field is out of bounds; a retry fails again.</exception>
    public static void Validate(Checkpoint checkpoint, int maxStateBytes = DefaultMaxStateBytes)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ValidateId(checkpoint.ExecutionId, nameof(Checkpoint.ExecutionId));
        ValidateText(checkpoint.Namespace, nameof(Checkpoint.Namespace), minimum: 0);
        ValidateText(checkpoint.Id, nameof(Checkpoint.Id), minimum: 0);
        if (checkpoint.ParentId is not null)
        {
            ValidateId(checkpoint.ParentId, nameof(Checkpoint.ParentId));
        }

        ValidateText(checkpoint.NodeName, nameof(Checkpoint.NodeName), minimum: 0);
        ValidateId(checkpoint.ContentType, nameof(Checkpoint.ContentType));
        if (checkpoint.State.Length > maxStateBytes)
        {
            throw new ArgumentException(
                $"State has {checkpoint.State.Length} bytes; at most {maxStateBytes} are allowed.", nameof(Checkpoint.State));
        }

        ValidateMetadata(checkpoint.Metadata, nameof(Checkpoint.Metadata));
    }

    /// <summary>Checks a key.</summary>
    /// <param name="key">The key.</param>
    /// <exception cref="ArgumentException">A part is out of bounds; a retry fails again.</exception>
    public static void Validate(CheckpointKey key)
    {
        ValidateId(key.ExecutionId, nameof(CheckpointKey.ExecutionId));
        ValidateText(key.Namespace, nameof(CheckpointKey.Namespace), minimum: 0);
        ValidateId(key.Id, nameof(CheckpointKey.Id));
    }

    /// <summary>What is wrong with a checkpoint's or a deletion's sequence; null: nothing.</summary>
    /// <param name="sequence">The sequence.</param>
    internal static string? CheckSequence(long sequence) =>
        sequence is >= 1 and <= MaxSequence ? null : $"The sequence is {sequence}; 1 to 2^53 - 1 are allowed.";

    /// <summary>Checks a query.</summary>
    /// <param name="query">The query.</param>
    /// <exception cref="ArgumentException">A part is out of bounds; a retry fails again.</exception>
    public static void Validate(CheckpointQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        ValidateId(query.ExecutionId, nameof(CheckpointQuery.ExecutionId));
        if (query.Namespace is not null)
        {
            ValidateText(query.Namespace, nameof(CheckpointQuery.Namespace), minimum: 0);
        }

        if (query.ParentId is not null)
        {
            ValidateId(query.ParentId, nameof(CheckpointQuery.ParentId));
        }

        if (query.NodeName is not null)
        {
            ValidateText(query.NodeName, nameof(CheckpointQuery.NodeName), minimum: 0);
        }

        if (query.Limit is < 1 or > CheckpointQuery.MaxLimit)
        {
            throw new ArgumentException(
                $"Limit is {query.Limit}; 1 to {CheckpointQuery.MaxLimit} are allowed.", nameof(CheckpointQuery.Limit));
        }

        ValidateMetadata(query.Metadata, nameof(CheckpointQuery.Metadata));
    }

    /// <summary>Checks a text of 1 to 256 characters.</summary>
    /// <param name="value">The text.</param>
    /// <param name="field">What to call it.</param>
    /// <exception cref="ArgumentException">It is out of bounds; a retry fails again.</exception>
    public static void ValidateId(string value, string field) => ValidateText(value, field, minimum: 1);

    /// <summary>Checks a text: its length, no control characters, no half of a surrogate pair.</summary>
    /// <param name="value">The text.</param>
    /// <param name="field">What to call it.</param>
    /// <param name="minimum">The least length.</param>
    /// <exception cref="ArgumentException">It is out of bounds; a retry fails again.</exception>
    public static void ValidateText(string value, string field, int minimum)
    {
        if (value is null)
        {
            throw new ArgumentNullException(field, $"{field} is null; {minimum} to {MaxIdLength} characters are allowed.");
        }

        if (value.Length < minimum || value.Length > MaxIdLength)
        {
            throw new ArgumentException(
                $"{field} has {value.Length} characters; {minimum} to {MaxIdLength} are allowed.", field);
        }

        for (var i = 0; i < value.Length; i++)
        {
            var c = value[i];
            if (char.IsControl(c))
            {
                throw new ArgumentException(
                    $"{field} has the control character U+{(int)c:X4} at position {i}; control characters are not allowed.", field);
            }

            if (char.IsSurrogate(c))
            {
                if (!char.IsHighSurrogate(c) || i + 1 == value.Length || !char.IsLowSurrogate(value[i + 1]))
                {
                    throw new ArgumentException(
                        $"{field} has half a surrogate pair (U+{(int)c:X4}) at position {i}; it must be valid Unicode.", field);
                }

                i++;
            }
        }
    }

    /// <summary>Checks metadata: an object, its size and depth, and nothing that a JSON database cannot keep.</summary>
    /// <param name="metadata">The metadata, if any.</param>
    /// <param name="field">What to call it.</param>
    /// <exception cref="ArgumentException">It is out of bounds; a retry fails again.</exception>
    public static void ValidateMetadata(JsonElement? metadata, string field)
    {
        if (metadata is not { } element)
        {
            return;
        }

        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new ArgumentException($"{field} is a JSON {element.ValueKind}; only an object is allowed.", field);
        }

        var json = JsonMarshal.GetRawUtf8Value(element);
        if (json.Length > MaxMetadataBytes)
        {
            throw new ArgumentException($"{field} has {json.Length} bytes; at most {MaxMetadataBytes} are allowed.", field);
        }

        try
        {
            ValidateMetadata(json, field);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ArgumentException($"{field} is not valid: {e.Message} At most {MaxMetadataDepth} levels are allowed.", field, e);
        }
    }

    private static void ValidateMetadata(ReadOnlySpan<byte> json, string field)
    {
        var names = new Stack<HashSet<string>>();
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxMetadataDepth });
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject:
                    names.Push(new HashSet<string>(StringComparer.Ordinal));
                    break;
                case JsonTokenType.EndObject:
                    names.Pop();
                    break;
                case JsonTokenType.PropertyName or JsonTokenType.String:
                    // Throws for half a surrogate pair.
                    var text = reader.GetString()!;
                    if (text.Contains('\0', StringComparison.Ordinal))
                    {
                        throw new ArgumentException($"{field} has the character U+0000 in a string; it is not allowed.", field);
                    }

                    if (reader.TokenType == JsonTokenType.PropertyName && !names.Peek().Add(text))
                    {
                        throw new ArgumentException($"{field} has the member '{text}' twice; each name is allowed once.", field);
                    }

                    break;
                case JsonTokenType.Number:
                    // What is not zero but reads as zero is too small for a database's numeric type, as is a zero with many places.
                    if (reader.ValueSpan.Length > 64 || !reader.TryGetDouble(out var number) || !double.IsFinite(number)
                        || (number == 0 && !IsPlainZero(reader.ValueSpan)))
                    {
                        throw new ArgumentException(
                            $"{field} has the number {Encoding.UTF8.GetString(reader.ValueSpan[..Math.Min(64, reader.ValueSpan.Length)])}; at most 64 digits and magnitudes of 5E-324 to 1.79E+308 are allowed.",
                            field);
                    }

                    break;
            }
        }
    }

    private static bool IsPlainZero(ReadOnlySpan<byte> number)
    {
        var end = number.IndexOfAny((byte)'e', (byte)'E');
        return (end < 0 ? number : number[..end]).IndexOfAnyInRange((byte)'1', (byte)'9') < 0
            && (end < 0 || (Utf8Parser.TryParse(number[(end + 1)..], out int exponent, out _) && exponent is >= -324 and <= 308));
    }
}
