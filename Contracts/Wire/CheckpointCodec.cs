using System.Buffers;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Google.Protobuf;

namespace AsyncCheckpoints.Contracts;

/// <summary>
/// Turns checkpoints into <see cref="CheckpointRecord"/> bytes and back. The content fields come first and the content
/// hash is taken over them; a state takes part through its own SHA-256, so it is hashed once. Metadata take part in
/// their canonical form: an archive may give them back in another order, and they are the same content.
/// </summary>
internal static class CheckpointCodec
{
    private const string Brotli = "br";
    private static readonly JsonDocumentOptions MetadataOptions = new() { MaxDepth = CheckpointLimits.MaxMetadataDepth };

    /// <summary>Encodes a checkpoint whose id is set.</summary>
    /// <param name="checkpoint">The checkpoint; valid by <see cref="CheckpointLimits"/>.</param>
    /// <param name="compressAboveBytes">States larger than this are compressed when that makes them smaller.</param>
    public static EncodedCheckpoint Encode(Checkpoint checkpoint, int compressAboveBytes = int.MaxValue)
    {
        var state = checkpoint.State;
        var fields = new CheckpointRecord
        {
            ExecutionId = checkpoint.ExecutionId,
            Namespace = checkpoint.Namespace,
            Id = checkpoint.Id,
            NodeName = checkpoint.NodeName,
            Version = checkpoint.Version,
            ContentType = checkpoint.ContentType,
            StateSize = state.Length,
            StateSha256 = UnsafeByteOperations.UnsafeWrap(SHA256.HashData(state.Span)),
        };
        if (checkpoint.ParentId is not null)
        {
            fields.ParentId = checkpoint.ParentId;
        }

        byte[]? content = null;
        if (checkpoint.Metadata is { } metadata)
        {
            var text = Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(metadata));
            var canonical = CanonicalJson.Of(metadata);
            if (canonical != text)
            {
                fields.MetadataJson = canonical;
                content = fields.ToByteArray();
            }

            fields.MetadataJson = text;
        }

        // Fields are written in ascending order: what is set so far is the beginning of the record.
        var contentLength = fields.CalculateSize();
        fields.CreatedAtUs = ToMicroseconds(checkpoint.CreatedAt);
        if (state.Length > compressAboveBytes && TryCompress(state.Span) is { } compressed)
        {
            fields.Compression = Brotli;
            fields.State = UnsafeByteOperations.UnsafeWrap(compressed);
        }
        else
        {
            fields.State = UnsafeByteOperations.UnsafeWrap(state);
        }

        var buffer = GC.AllocateUninitializedArray<byte>(EncodedCheckpoint.HeaderLength + fields.CalculateSize());
        var record = buffer.AsMemory(EncodedCheckpoint.HeaderLength);
        fields.WriteTo(record.Span);
        var hash = buffer.AsMemory(EncodedCheckpoint.SequenceLength, EncodedCheckpoint.ContentHashLength);
        SHA256.HashData(content ?? record.Span[..contentLength], hash.Span);
        return new EncodedCheckpoint(checkpoint.Key, record, hash, buffer);
    }

    /// <summary>Decodes a record and checks it.</summary>
    /// <param name="record">An encoded <see cref="CheckpointRecord"/>; the state shares its memory.</param>
    /// <param name="sequence">The sequence that goes with it.</param>
    /// <param name="maxStateBytes">The largest state allowed.</param>
    /// <exception cref="CheckpointFormatException">The bytes are not a valid checkpoint; a retry cannot help.</exception>
    public static Checkpoint Decode(ReadOnlyMemory<byte> record, long sequence, int maxStateBytes = CheckpointLimits.DefaultMaxStateBytes) =>
        Decode(Parse(record), sequence, maxStateBytes);

    /// <summary>Reads a record's fields without checking them.</summary>
    /// <param name="record">An encoded <see cref="CheckpointRecord"/>; the state shares its memory.</param>
    /// <exception cref="CheckpointFormatException">The bytes are not a record.</exception>
    public static CheckpointRecord Parse(ReadOnlyMemory<byte> record)
    {
        try
        {
            return FieldsInPlace.ReadRecord(record);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new CheckpointFormatException($"The record ({record.Length} bytes) is not a checkpoint: {e.Message}", e);
        }
    }

    /// <summary>Decodes parsed fields and checks them.</summary>
    /// <param name="fields">The fields.</param>
    /// <param name="sequence">The sequence that goes with them.</param>
    /// <param name="maxStateBytes">The largest state allowed.</param>
    /// <exception cref="CheckpointFormatException">The fields are not a valid checkpoint; a retry cannot help.</exception>
    public static Checkpoint Decode(CheckpointRecord fields, long sequence, int maxStateBytes = CheckpointLimits.DefaultMaxStateBytes)
    {
        var state = Decompress(fields, maxStateBytes);
        if (state.Length != fields.StateSize || !SHA256.HashData(state.Span).AsSpan().SequenceEqual(fields.StateSha256.Span))
        {
            throw new CheckpointFormatException(
                $"The state of '{fields.ExecutionId}'/'{fields.Id}' does not match its checksum ({state.Length} bytes, {fields.StateSize} expected).");
        }

        return DecodeHeader(fields, sequence, maxStateBytes) with { State = state };
    }

    /// <summary>Decodes everything but the state, and checks it.</summary>
    /// <param name="fields">The fields.</param>
    /// <param name="sequence">The sequence that goes with them.</param>
    /// <param name="maxStateBytes">The largest state allowed.</param>
    /// <exception cref="CheckpointFormatException">The fields are not a valid checkpoint; a retry cannot help.</exception>
    public static Checkpoint DecodeHeader(CheckpointRecord fields, long sequence, int maxStateBytes = CheckpointLimits.DefaultMaxStateBytes)
    {
        try
        {
            var checkpoint = new Checkpoint
            {
                ExecutionId = fields.ExecutionId,
                Namespace = fields.Namespace,
                Id = fields.Id,
                ParentId = fields.HasParentId ? fields.ParentId : null,
                Sequence = sequence,
                NodeName = fields.NodeName,
                Version = fields.Version,
                ContentType = fields.ContentType,
                Metadata = ParseMetadata(fields.MetadataJson),
                CreatedAt = FromMicroseconds(fields.CreatedAtUs),
            };
            CheckpointLimits.Validate(checkpoint, maxStateBytes);
            CheckpointLimits.Validate(checkpoint.Key);
            return checkpoint;
        }
        catch (Exception e) when (e is ArgumentException or JsonException)
        {
            throw new CheckpointFormatException($"The record is not a valid checkpoint: {e.Message}", e);
        }
    }

    /// <summary>Metadata text as a JSON element that owns its memory.</summary>
    /// <param name="json">A JSON object, or "" for none.</param>
    public static JsonElement? ParseMetadata(string? json) =>
        string.IsNullOrEmpty(json) ? null : JsonElement.Parse(json, MetadataOptions);

    /// <summary>UTC microseconds since the Unix epoch.</summary>
    /// <param name="time">A moment.</param>
    public static long ToMicroseconds(DateTimeOffset time) =>
        (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    /// <summary>The moment so many microseconds after the Unix epoch.</summary>
    /// <param name="microseconds">UTC microseconds since the Unix epoch.</param>
    /// <exception cref="ArgumentException">The moment is outside the years 1 to 9999.</exception>
    public static DateTimeOffset FromMicroseconds(long microseconds)
    {
        if (microseconds < ToMicroseconds(DateTimeOffset.MinValue) || microseconds > ToMicroseconds(DateTimeOffset.MaxValue))
        {
            throw new ArgumentException($"CreatedAt is {microseconds} µs; a moment in the years 1 to 9999 is allowed.", nameof(microseconds));
        }

        return new DateTimeOffset(DateTimeOffset.UnixEpoch.Ticks + (microseconds * TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
    }

    private static byte[]? TryCompress(ReadOnlySpan<byte> state)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(state.Length);
        try
        {
            // Quality 1: most of the gain at the least cost. A result that is not smaller does not fit and is dropped.
            return BrotliEncoder.TryCompress(state, buffer.AsSpan(0, state.Length - 1), out var written, quality: 1, window: 22)
                ? buffer.AsSpan(0, written).ToArray()
                : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static ReadOnlyMemory<byte> Decompress(CheckpointRecord fields, int maxStateBytes)
    {
        if (fields.StateSize < 0 || fields.StateSize > maxStateBytes)
        {
            throw new CheckpointFormatException(
                $"The state of '{fields.ExecutionId}'/'{fields.Id}' has {fields.StateSize} bytes; at most {maxStateBytes} are allowed.");
        }

        switch (fields.Compression)
        {
            case "":
                return fields.State.Memory;
            case Brotli:
                // The size that the record names bounds the memory, whatever the bytes unpack to.
                var state = new byte[fields.StateSize];
                using (var decoder = default(BrotliDecoder))
                {
                    var status = decoder.Decompress(fields.State.Span, state, out _, out var written);
                    return status == OperationStatus.Done && written == state.Length
                        ? state
                        : throw new CheckpointFormatException(
                            $"The state of '{fields.ExecutionId}'/'{fields.Id}' does not unpack to its {fields.StateSize} bytes ({status}).");
                }

            default:
                throw new CheckpointFormatException(
                    $"The state of '{fields.ExecutionId}'/'{fields.Id}' is compressed with '{fields.Compression}'; '' and '{Brotli}' are known.");
        }
    }
}
