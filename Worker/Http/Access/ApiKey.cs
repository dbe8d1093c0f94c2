using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AsyncCheckpoints.Worker.Http.Access;

/// <summary>
/// Makes and hashes keys. A key is 256 random bits, so a plain hash protects it at rest: there is nothing to guess that
/// a slow one would slow down.
/// </summary>
internal static class ApiKey
{
    /// <summary>What every key starts with, so that scanners for secrets recognise one.</summary>
    public const string Prefix = "ckp_";

    private const int Bytes = 32;

    public static string Create() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));

    public static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
