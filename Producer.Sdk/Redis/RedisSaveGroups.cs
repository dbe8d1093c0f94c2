using AsyncCheckpoints.Caching;
using StackExchange.Redis;

namespace AsyncCheckpoints.Redis;

/// <summary>
/// Saves that are called while others are on their way to Redis wait for the answer to one of those and go together, in one
/// call of the script: that takes a fraction of the client's work for each. With few at a time none waits, and nor does a
/// large one, for which it would be no gain. Calls leave in the order in which they were made, deletions among them.
/// Thread-safe.
/// </summary>
/// <param name="run">Runs the script with these keys and arguments, of which the first, the deadline, is set there.</param>
internal sealed class RedisSaveGroups(Func<RedisKey[], RedisValue[], Task<RedisResult>> run)
{
    private const int MaxInFlight = 8;
    private const int MaxItems = 64;
    private const int MaxBytes = 64 * 1024;
    private const int LargeBytes = MaxBytes / 4;

    private readonly Lock _gate = new();
    private readonly Queue<Waiting> _queue = new();
    private int _inFlight;
    private int _hurried;
    private bool _isSending;
    private volatile bool _isGrouping;

    /// <summary>
    /// Whether saves of several shards may go together: a Redis Cluster and some proxies do not take them. Without it, which
    /// is where it begins, each save goes by itself, at once.
    /// </summary>
    public bool IsGrouping
    {
        set => _isGrouping = value;
    }

    /// <summary>Whether the next in the queue may leave. Asked for with the lock held.</summary>
    private bool MayLeave => _queue.Count > 0 && (_inFlight < MaxInFlight || _hurried > 0 || !_isGrouping);

    /// <summary>Saves a checkpoint.</summary>
    /// <param name="save">The checkpoint; once only.</param>
    public Task<CacheSave> SaveAsync(Save save)
    {
        Enqueue(new Waiting(save, null));
        return save.Task;
    }

    /// <summary>Makes another call behind the saves that are before it, without waiting for their answers.</summary>
    /// <typeparam name="T">What it returns.</typeparam>
    /// <param name="call">Starts the call; does not throw.</param>
    public Task<T> CallAsync<T>(Func<Task<T>> call)
    {
        var turn = new TaskCompletionSource<Task<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(new Waiting(null, () => turn.SetResult(call())));
        return turn.Task.Unwrap();
    }

    private void Enqueue(in Waiting waiting)
    {
        lock (_gate)
        {
            _queue.Enqueue(waiting);
            _hurried += waiting.IsHurried ? 1 : 0;
            if (!TryBeginSending())
            {
                return;
            }
        }

        // Where the caller has a context of its own, the answers to others' saves would depend on it.
        if (SynchronizationContext.Current is null && TaskScheduler.Current == TaskScheduler.Default)
        {
            SendNext();
        }
        else
        {
            SendNextFromPool();
        }
    }

    private void Answered()
    {
        lock (_gate)
        {
            _inFlight--;
            if (!TryBeginSending())
            {
                return;
            }
        }

        SendNext();
    }

    /// <summary>One sender at a time, so that calls leave in order. Asked with the lock held.</summary>
    private bool TryBeginSending()
    {
        if (_isSending || !MayLeave)
        {
            return false;
        }

        return _isSending = true;
    }

    /// <summary>
    /// Sends one group, or makes one call. What more may leave is sent from the pool, so that nobody's own save waits for
    /// those of others.
    /// </summary>
    private void SendNext()
    {
        Save[] group;
        Action? call;
        lock (_gate)
        {
            if (!MayLeave)
            {
                _isSending = false;
                return;
            }

            call = _queue.Peek().Call;
            group = call is null ? TakeGroup() : [];
            if (call is not null)
            {
                Dequeue();
            }
        }

        // What is asynchronous about the caller (an Activity, its locals) is not that of those who are sent for afterwards.
        var flow = ExecutionContext.IsFlowSuppressed() ? default(AsyncFlowControl?) : ExecutionContext.SuppressFlow();
        if (call is null)
        {
            _ = SendAsync(group);
        }
        else
        {
            call();
        }

        flow?.Undo();
        lock (_gate)
        {
            if (!MayLeave)
            {
                _isSending = false;
                return;
            }
        }

        SendNextFromPool();
    }

    private void SendNextFromPool() => ThreadPool.UnsafeQueueUserWorkItem(static self => self.SendNext(), this, preferLocal: false);

    private Save[] TakeGroup()
    {
        _inFlight++;
        var first = _queue.Peek().Save!;
        var (count, bytes) = (0, 0L);
        foreach (var (save, _) in _queue)
        {
            bytes += save?.Bytes ?? 0;
            if (count > 0 && (!_isGrouping || count == MaxItems || save is null || !save.GoesWith(first) || bytes > MaxBytes))
            {
                break;
            }

            count++;
        }

        var group = new Save[count];
        for (var i = 0; i < count; i++)
        {
            group[i] = Dequeue().Save!;
        }

        return group;
    }

    private Waiting Dequeue()
    {
        var waiting = _queue.Dequeue();
        _hurried -= waiting.IsHurried ? 1 : 0;
        return waiting;
    }

    private async Task SendAsync(Save[] group)
    {
        RedisResult result;
        try
        {
            // Never goes on within the sender, which others wait for: from here on it is the waiter's own thread.
            result = await RunAsync(group).ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
        catch (Exception e)
        {
            // Whoever waits behind one that Redis did not answer would wait twice as long for the same. (Of several servers, it may be another that answers.)
            var behind = _isGrouping && e is CheckpointUnavailableException { IsRefusal: false } ? TakeSaves() : [];
            Answered();
            Settle([.. group, .. behind], (save, _) => save.SetException(e));
            return;
        }

        Answered();
        Settle(group, (save, index) => save.Read(result, group.Length == 1 ? null : index));
    }

    /// <summary>Whoever waits for the only one goes on at once; several get a turn each in the pool, so that none waits for another's.</summary>
    private static void Settle(Save[] saves, Action<Save, int> settle)
    {
        if (saves.Length == 1)
        {
            settle(saves[0], 0);
            return;
        }

        for (var i = 0; i < saves.Length; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static one => one.settle(one.Save, one.i), (settle, Save: saves[i], i), preferLocal: true);
        }
    }

    private Task<RedisResult> RunAsync(Save[] group)
    {
        var keys = new RedisKey[3 * group.Length];
        var values = new RedisValue[3 + (3 * group.Length)];
        (values[1], values[2]) = (group[0].Policy, group[0].Expected);
        for (var i = 0; i < group.Length; i++)
        {
            group[i].Write(keys.AsSpan(3 * i, 3), values.AsSpan(3 + (3 * i), 3));
        }

        return run(keys, values);
    }

    private List<Save> TakeSaves()
    {
        lock (_gate)
        {
            var all = _queue.ToList();
            _queue.Clear();
            _hurried = 0;
            foreach (var waiting in all.Where(waiting => waiting.Call is not null))
            {
                _queue.Enqueue(waiting);
                _hurried++;
            }

            return [.. all.Where(waiting => waiting.Save is not null).Select(waiting => waiting.Save!)];
        }
    }

    /// <summary>Either a save or the start of another call.</summary>
    private readonly record struct Waiting(Save? Save, Action? Call)
    {
        /// <summary>What is before it leaves at once, too.</summary>
        public bool IsHurried => Save is null or { Bytes: > LargeBytes };
    }

    /// <summary>One save, and what becomes of it.</summary>
    /// <param name="keys">Its keys.</param>
    /// <param name="id">The checkpoint's id.</param>
    /// <param name="payload">What the hash is to hold, with the proposed sequence.</param>
    /// <param name="mark">The pending mark.</param>
    /// <param name="policy">How long the cache keeps it, as the script takes it; empty: for ever.</param>
    /// <param name="expected">"=" with the id that the latest has to have; empty: any.</param>
    internal sealed class Save(RedisKey[] keys, string id, byte[] payload, byte[] mark, string policy, string expected)
        : TaskCompletionSource<CacheSave>
    {
        public string Policy => policy;

        public string Expected => expected;

        public int Bytes => payload.Length;

        public bool GoesWith(Save first) => expected.Length == 0 && first.Expected.Length == 0 && policy == first.Policy && Bytes <= LargeBytes;

        public void Write(Span<RedisKey> keysOfGroup, Span<RedisValue> valuesOfGroup)
        {
            keys.CopyTo(keysOfGroup);
            (valuesOfGroup[0], valuesOfGroup[1], valuesOfGroup[2]) = (id, payload, mark);
        }

        public void Read(RedisResult result, int? index)
        {
            try
            {
                SetResult(RedisFormat.ReadSave((byte[])(index is { } i ? result[i] : result)!));
            }
            catch (Exception e)
            {
                SetException(e);
            }
        }
    }
}
