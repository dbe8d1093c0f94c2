using System.Text;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>A request that must be refused.</summary>
/// <param name="What">What is wrong with it.</param>
/// <param name="Bytes">The request as sent.</param>
/// <param name="MayBeBare">Whether the server itself refuses it, before the worker sees it: then there is only a status.</param>
internal sealed record BadRequest(string What, byte[] Bytes, bool MayBeBare)
{
    /// <summary>What it is meant for: an operation, one of its parameters, or a kind of job; null: whatever it meets.</summary>
    public string? Aim { get; init; }

    public bool IsHead => Bytes.AsSpan().StartsWith("HEAD "u8);

    public override string ToString() =>
        $"{What}: {Encoding.Latin1.GetString(Bytes.AsSpan(0, Math.Min(Bytes.Length, 600))).Replace("\r\n", "\\r\\n", StringComparison.Ordinal)}";
}
