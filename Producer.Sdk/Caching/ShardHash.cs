using System.Buffers;
using System.Text;

namespace AsyncCheckpoints.Caching;

/// <summary>Which shard an execution belongs to: the same in every process, version and culture.</summary>
internal static class ShardHash
{
    /// <summary>FNV-1a (64 bits, folded) of the id's UTF-8 bytes, modulo the number of shards.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="shardCount">The number of shards.</param>
    public static int Of(string executionId, int shardCount)
    {
        // http://www.isthe.com/chongo/tech/comp/fnv/
        const ulong OffsetBasis = 14695981039346656037;
        const ulong Prime = 1099511628211;
        var maximum = Encoding.UTF8.GetMaxByteCount(executionId.Length);
        var rented = maximum > 1024 ? ArrayPool<byte>.Shared.Rent(maximum) : null;
        var buffer = rented ?? stackalloc byte[1024];
        var hash = OffsetBasis;
        foreach (var b in buffer[..Encoding.UTF8.GetBytes(executionId, buffer)])
        {
            hash = (hash ^ b) * Prime;
        }

        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return (int)((uint)(hash ^ (hash >> 32)) % (uint)shardCount);
    }
}
