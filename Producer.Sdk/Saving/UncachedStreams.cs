using System.Collections.Concurrent;

namespace AsyncCheckpoints.Saving;

/// <summary>
/// Streams into which this process saved while Redis was away, so that its own reads know that Redis is behind until the
/// worker has repaired it. Bounded: of more than that many streams the oldest knowledge is forgotten.
/// </summary>
internal sealed class UncachedStreams
{
    private const int Capacity = 10_000;
    private readonly ConcurrentDictionary<(string ExecutionId, string Namespace), long> _sequences = new();

    /// <summary>Remembers a save that Redis did not take.</summary>
    /// <param name="key">The checkpoint.</param>
    /// <param name="sequence">Its sequence.</param>
    public void Add(CheckpointKey key, long sequence)
    {
        if (_sequences.Count >= Capacity)
        {
            _sequences.Clear();
        }

        _sequences.AddOrUpdate((key.ExecutionId, key.Namespace), sequence, (_, known) => Math.Max(known, sequence));
    }

    /// <summary>Whether the cache, whose latest has this sequence, is behind what this process saved.</summary>
    /// <param name="executionId">The execution.</param>
    /// <param name="ns">The namespace.</param>
    /// <param name="cachedSequence">The sequence of the cache's latest; 0 when it has none.</param>
    public bool IsCacheBehind(string executionId, string ns, long cachedSequence)
    {
        if (_sequences.IsEmpty || !_sequences.TryGetValue((executionId, ns), out var sequence))
        {
            return false;
        }

        if (cachedSequence < sequence)
        {
            return true;
        }

        _sequences.TryRemove(KeyValuePair.Create((executionId, ns), sequence));
        return false;
    }
}
