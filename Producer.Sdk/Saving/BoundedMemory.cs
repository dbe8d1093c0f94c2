namespace AsyncCheckpoints.Saving;

/// <summary>Remembers so many values; of more the oldest are forgotten. Thread-safe; asking while it is empty costs nothing.</summary>
/// <param name="capacity">How many.</param>
/// <param name="merge">Of the known and a new value of a key, what to remember.</param>
internal sealed class BoundedMemory<TKey, TValue>(int capacity, Func<TValue, TValue, TValue> merge)
    where TKey : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, LinkedListNode<(TKey Key, TValue Value)>> _known = [];
    private readonly LinkedList<(TKey Key, TValue Value)> _oldestFirst = new();
    private volatile bool _isEmpty = true;

    public bool IsEmpty => _isEmpty;

    /// <summary>Remembers a value; it is the newest from now on.</summary>
    public void Add(TKey key, TValue value)
    {
        lock (_lock)
        {
            if (_known.Remove(key, out var node))
            {
                _oldestFirst.Remove(node);
                value = merge(node.Value.Value, value);
            }

            _known[key] = _oldestFirst.AddLast((key, value));
            if (_known.Count > capacity)
            {
                _known.Remove(_oldestFirst.First!.Value.Key);
                _oldestFirst.RemoveFirst();
            }

            _isEmpty = false;
        }
    }

    public bool TryGetValue(TKey key, out TValue value)
    {
        lock (_lock)
        {
            var isKnown = _known.TryGetValue(key, out var node);
            value = isKnown ? node!.Value.Value : default!;
            return isKnown;
        }
    }

    /// <summary>Forgets a key, unless its value has changed meanwhile.</summary>
    public void Remove(TKey key, TValue value)
    {
        lock (_lock)
        {
            if (_known.TryGetValue(key, out var node) && EqualityComparer<TValue>.Default.Equals(node.Value.Value, value))
            {
                _known.Remove(key);
                _oldestFirst.Remove(node);
                _isEmpty = _known.Count == 0;
            }
        }
    }
}
