using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AsyncCheckpoints.Tests.Faults;

internal enum OperationKind
{
    Save,
    Delete,
    Clear,
}

/// <summary>One call of the workload. A stream has one writer, whose steps follow each other; a step may be a burst.</summary>
/// <param name="Number">Unique and rising inside its owner.</param>
/// <param name="Owner">The writer.</param>
/// <param name="Step">The writer's step.</param>
/// <param name="Kind">What it does.</param>
/// <param name="Key">The checkpoint; for a clear only the execution.</param>
/// <param name="Token">Names the content of a save.</param>
internal sealed record Operation(int Number, string Owner, int Step, OperationKind Kind, CheckpointKey Key, string Token)
{
    /// <summary>What the caller was told; null while nothing.</summary>
    public Durability? Reached { get; set; }

    /// <summary>
    /// The sequence the caller was told; negative where Redis did not answer: it may have given the save a later one, which
    /// then stands.
    /// </summary>
    public long Sequence { get; set; }

    /// <summary>Whether it was acknowledged by a Redis that died before it was known to have written it.</summary>
    public bool IsUnwritten { get; set; }

    /// <summary>Whether it is in the spool, which survives the process: what was acknowledged then holds at any level.</summary>
    public bool IsSpooled { get; set; }

    /// <summary>Whether a sequence fits to what the caller was told.</summary>
    public bool IsToldSequence(long sequence) => Sequence switch
    {
        0 => true,
        < 0 => sequence >= -Sequence,
        _ => sequence == Sequence,
    };

    /// <summary>The content of a token: the token itself and as many bytes as it says, which only it can make.</summary>
    public static byte[] StateOf(string token)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        var size = hash[0] % 8 == 0 ? 20_000 + (hash[1] * 100) : hash[1] * 4;
        var name = Encoding.UTF8.GetBytes(token + "\n");
        var state = new byte[name.Length + size];
        name.CopyTo(state, 0);
        for (var i = name.Length; i < state.Length; i++)
        {
            state[i] = (byte)(hash[i % 32] + (i / 32));
        }

        return state;
    }

    /// <summary>The checkpoint of a token, with all that it has: only the key is not the token's.</summary>
    public static Checkpoint CheckpointOf(CheckpointKey key, string token)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(token));
        var number = BinaryPrimitives.ReadInt64LittleEndian(hash);
        return new Checkpoint
        {
            ExecutionId = key.ExecutionId,
            Namespace = key.Namespace,
            Id = key.Id,
            ParentId = hash[8] % 2 == 0 ? $"parent of {token}" : null,
            NodeName = hash[9] % 4 == 0 ? "" : $"node {hash[9]} „é“ {{x}}",
            Version = number,
            State = StateOf(token),
            ContentType = hash[10] % 2 == 0 ? "application/octet-stream" : $"text/x-{hash[10]}",
            Metadata = hash[11] % 2 == 0 ? JsonSerializer.SerializeToElement(new { token, nested = new { n = new object?[] { hash[11], null, 1.5 } } }) : null,
            // A part of the content: the same content has the same.
            CreatedAt = DateTimeOffset.UnixEpoch.AddMicroseconds(number & 0xFF_FFFF_FFFF_FFFF),
        };
    }

    /// <summary>The token that a state names.</summary>
    public static string TokenOf(ReadOnlyMemory<byte> state)
    {
        var end = state.Span.IndexOf((byte)'\n');
        return end < 0 ? "" : Encoding.UTF8.GetString(state.Span[..end]);
    }

    /// <summary>As a line of a child's ledger.</summary>
    public string ToLine() => string.Join(
        '\t', "begin", Owner, Number.ToString(CultureInfo.InvariantCulture), Step.ToString(CultureInfo.InvariantCulture), Kind, Key.ExecutionId, Key.Namespace, Key.Id, Token);

    /// <summary>Reads <see cref="ToLine"/>.</summary>
    public static Operation FromLine(string[] parts) => new(
        int.Parse(parts[2], CultureInfo.InvariantCulture),
        parts[1],
        int.Parse(parts[3], CultureInfo.InvariantCulture),
        Enum.Parse<OperationKind>(parts[4]),
        new CheckpointKey(parts[5], parts[6], parts[7]),
        parts[8]);
}
