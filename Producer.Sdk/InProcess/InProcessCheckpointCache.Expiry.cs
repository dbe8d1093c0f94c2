using AsyncCheckpoints.Caching;

namespace AsyncCheckpoints.InProcess;

/// <content>What makes room.</content>
internal sealed partial class InProcessCheckpointCache
{
    private readonly PriorityQueue<Expiring, long> _expiring = new();
    private readonly LinkedList<CachedStream> _used = new();
    private long _bytes;

    /// <summary>What the cached records take, about, in bytes.</summary>
    internal long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <summary>How many executions it knows something of, tombstones included.</summary>
    internal int KnownExecutions
    {
        get
        {
            lock (_gate)
            {
                return _executions.Count;
            }
        }
    }

    // Starts, stops or restarts the stream's time to live, and notes that it was used.
    private void Refresh(CachedStream stream)
    {
        if (stream.Use is { } node)
        {
            _used.Remove(node);
            stream.Use = null;
        }

        stream.ExpiresAt = null;
        if (stream.Count == 0 || stream.HasPending)
        {
            return;
        }

        stream.Use = _used.AddFirst(stream);
        if (stream.Policy.Ttl is { } ttl)
        {
            stream.ExpiresAt = Until(Now, ttl);
            Enqueue(stream);
        }
    }

    private void Touch(CachedStream stream)
    {
        if (stream.Policy.Sliding)
        {
            Refresh(stream);
        }
        else if (stream.Use is { } node)
        {
            _used.Remove(node);
            _used.AddFirst(node);
        }
    }

    private void Enqueue(CachedStream stream)
    {
        if (!stream.IsQueued && stream.ExpiresAt is { } at)
        {
            stream.IsQueued = true;
            _expiring.Enqueue(new Expiring(stream.Execution, stream, default), at);
        }
    }

    // Of the oldest beyond the stream's size, at most so many; what is pending stays, and what is newer than that: no holes.
    private void Trim(CachedStream stream, int budget)
    {
        var over = stream.Policy.MaxPerStream > 0 ? stream.Count - stream.Policy.MaxPerStream : 0;
        if (over <= 0)
        {
            return;
        }

        var execution = stream.Execution;
        foreach (var position in stream.Oldest(Math.Min(over, budget)))
        {
            if (_marks[execution.Shard].Contains(new(PendingKind.Save, new(execution.Id, stream.Namespace, position.Id), position.Sequence, default)))
            {
                break;
            }

            Remove(stream, position.Id);
            execution.Leave(position.Sequence);
        }
    }

    private void Evict()
    {
        while (_bytes > _maxBytes && _used.Last is { } least)
        {
            least.Value.Execution.Leave(least.Value.Last);
            Drop(least.Value);
        }
    }

    private void Drop(CachedStream stream)
    {
        if (stream.Use is { } node)
        {
            _used.Remove(node);
            stream.Use = null;
        }

        _bytes -= stream.Bytes;
        stream.ExpiresAt = null;
        stream.Execution.Streams.Remove(stream.Namespace);
        if (stream.Execution.Streams.Count == 0)
        {
            _names.Remove(stream.Execution.Id);
        }

        Forget(stream.Execution);
    }

    private void Forget(CachedExecution execution)
    {
        if (execution.IsEmpty)
        {
            _executions.Remove(execution.Id);
        }
    }

    private void Sweep()
    {
        if (_expiring.Count == 0)
        {
            return;
        }

        var now = Now;
        while (_expiring.TryPeek(out var next, out var at) && at <= now)
        {
            _expiring.Dequeue();
            if (next.Stream is { } stream)
            {
                stream.IsQueued = false;
                if (stream.ExpiresAt <= now)
                {
                    next.Execution.Leave(stream.Last);
                    Drop(stream);
                }
                else
                {
                    Enqueue(stream);
                }
            }
            else if (next.Execution.Tombstones.TryGetValue(next.Key, out var tombstone) && tombstone.ExpiresAt <= now)
            {
                next.Execution.RemoveTombstone(next.Key);
                Forget(next.Execution);
            }
        }
    }

    private readonly record struct Expiring(CachedExecution Execution, CachedStream? Stream, (string Namespace, string Id) Key);
}
