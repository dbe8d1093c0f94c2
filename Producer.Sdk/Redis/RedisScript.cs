using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace AsyncCheckpoints.Redis;

/// <summary>A Lua script and the SHA-1 by which Redis knows it (the name, not a protection).</summary>
internal sealed class RedisScript
{
    /// <summary>Computes the hash.</summary>
    /// <param name="text">The source.</param>
    [SuppressMessage("Security", "CA5350", Justification = "EVALSHA is defined on SHA-1.")]
    public RedisScript(string text)
    {
        Text = text;
        Hash = SHA1.HashData(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>The source.</summary>
    public string Text { get; }

    /// <summary>SHA-1 of the source.</summary>
    public byte[] Hash { get; }
}
