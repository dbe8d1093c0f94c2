using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.InProcess;

/// <summary>The cached part of one stream. Its owner's lock protects it.</summary>
internal sealed class CachedStream(CachedExecution execution, string ns)
{
    /// <summary>What an entry costs beside its record, about.</summary>
    private const int Overhead = 512;

    private readonly Dictionary<string, (long Sequence, EncodedCheckpoint Checkpoint)> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<ListPosition> _order = [];

    public CachedExecution Execution => execution;

    public string Namespace => ns;

    /// <summary>The highest sequence that the stream has seen.</summary>
    public long Last { get; set; }

    public CacheRetention Policy { get; set; }

    /// <summary>When the stream expires, in microseconds; null while it does not.</summary>
    public long? ExpiresAt { get; set; }

    /// <summary>Whether it waits in the queue of what may expire; at most once.</summary>
    public bool IsQueued { get; set; }

    /// <summary>Its place among the streams that may be dropped; null while something of it is pending.</summary>
    public LinkedListNode<CachedStream>? Use { get; set; }

    public int Count => _entries.Count;

    public long Bytes { get; private set; }

    public bool HasPending => execution.Pending.ContainsKey(ns);

    public ListPosition? First => _order.Count == 0 ? null : _order.Min;

    public ListPosition? Latest => _order.Count == 0 ? null : _order.Max;

    public bool TryGet(string id, out long sequence, out EncodedCheckpoint checkpoint)
    {
        var isHere = _entries.TryGetValue(id, out var entry);
        (sequence, checkpoint) = entry;
        return isHere;
    }

    public void Set(EncodedCheckpoint checkpoint, long sequence)
    {
        Remove(checkpoint.Key.Id);
        _entries[checkpoint.Key.Id] = (sequence, checkpoint);
        _order.Add(new ListPosition(sequence, ns, checkpoint.Key.Id));
        Bytes += SizeOf(checkpoint);
    }

    public void Remove(string id)
    {
        if (_entries.Remove(id, out var entry))
        {
            _order.Remove(new ListPosition(entry.Sequence, ns, id));
            Bytes -= SizeOf(entry.Checkpoint);
        }
    }

    /// <summary>The oldest so many.</summary>
    public ListPosition[] Oldest(int count) => [.. _order.Take(count)];

    /// <summary>The places up to a sequence.</summary>
    public ListPosition[] UpTo(long sequence) => [.. _order.TakeWhile(position => position.Sequence <= sequence)];

    /// <summary>The next so many places of a listing.</summary>
    public IEnumerable<ListPosition> Range(CheckpointQuery query, ListPosition? after, int count)
    {
        var low = new ListPosition(query.AfterSequence is { } a ? (a < long.MaxValue ? a + 1 : a) : long.MinValue, "", "");
        var high = new ListPosition(query.BeforeSequence ?? long.MaxValue, "", "");
        if (after is { } edge)
        {
            low = query.OldestFirst && edge.CompareTo(low) > 0 ? edge : low;
            high = !query.OldestFirst && edge.CompareTo(high) < 0 ? edge : high;
        }

        if (low.CompareTo(high) > 0)
        {
            return [];
        }

        // No id is "": of the bounds only the page's start can be in the view.
        var view = _order.GetViewBetween(low, high);
        return (query.OldestFirst ? view : view.Reverse()).Where(position => position != after).Take(count);
    }

    private static long SizeOf(EncodedCheckpoint checkpoint) => checkpoint.Record.Length + Overhead;
}
