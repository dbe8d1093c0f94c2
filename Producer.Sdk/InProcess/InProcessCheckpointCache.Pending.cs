using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.InProcess;

/// <content>Pending marks: a set by shard, in the order of their sequences, which are times.</content>
internal sealed partial class InProcessCheckpointCache
{
    private static readonly Comparer<PendingMark> OldestFirst = Comparer<PendingMark>.Create(static (a, b) =>
    {
        var order = a.Sequence.CompareTo(b.Sequence);
        order = order != 0 ? order : a.Kind.CompareTo(b.Kind);
        order = order != 0 ? order : string.CompareOrdinal(a.Key.ExecutionId, b.Key.ExecutionId);
        order = order != 0 ? order : string.CompareOrdinal(a.Key.Namespace, b.Key.Namespace);
        return order != 0 ? order : string.CompareOrdinal(a.Key.Id, b.Key.Id);
    });

    private readonly SortedSet<PendingMark>[] _marks;

    /// <inheritdoc />
    public Task<CacheServerStats?> GetServerStatsAsync(CancellationToken cancellationToken) => Task.FromResult<CacheServerStats?>(null);

    /// <inheritdoc />
    /// <remarks>What is lost here is lost with the process, so none is kept.</remarks>
    public Task<bool> TryMoveWatermarkAsync(int shard, string owner, long from, long? to, CancellationToken cancellationToken) => Task.FromResult(true);

    /// <inheritdoc />
    public Task<IReadOnlyDictionary<string, long>> GetWatermarksAsync(int shard, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyDictionary<string, long>>(new Dictionary<string, long>());

    /// <inheritdoc />
    public Task<IReadOnlyList<int>> ListPendingShardsAsync(DateTimeOffset madeBefore, CancellationToken cancellationToken)
    {
        var before = CheckpointCodec.ToMicroseconds(madeBefore);
        return Run<IReadOnlyList<int>>(
            () => [.. Enumerable.Range(0, ShardCount).Where(shard => _marks[shard].Count > 0 && _marks[shard].Min.Sequence < before)], cancellationToken);
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<PendingEntry>> ListPendingAsync(
        int shard, DateTimeOffset madeBefore, int limit, CancellationToken cancellationToken)
    {
        var before = CheckpointCodec.ToMicroseconds(madeBefore);
        return Run<IReadOnlyList<PendingEntry>>(
            () => [.. _marks[shard].TakeWhile(mark => mark.Sequence < before).Take(limit).Select(EntryOf)], cancellationToken);
    }

    /// <inheritdoc />
    public Task<IReadOnlyList<PendingMark>> SettleAsync(IReadOnlyCollection<PendingMark> marks, CancellationToken cancellationToken) => Run<IReadOnlyList<PendingMark>>(
        () =>
        {
            var missing = new List<PendingMark>();
            var settled = new HashSet<CachedStream>();
            foreach (var mark in marks)
            {
                var (executionId, ns, _) = mark.Key;
                if (!_marks[ShardHash.Of(executionId, ShardCount)].Remove(mark))
                {
                    missing.Add(mark);
                    continue;
                }

                if (mark.Kind == PendingKind.Save && _executions.TryGetValue(executionId, out var execution))
                {
                    if (--execution.Pending[ns] == 0)
                    {
                        execution.Pending.Remove(ns);
                    }

                    if (execution.Streams.TryGetValue(ns, out var stream))
                    {
                        settled.Add(stream);
                    }

                    Forget(execution);
                }
            }

            foreach (var stream in settled)
            {
                Trim(stream, TrimAtSettle + marks.Count);
                Refresh(stream);
            }

            Evict();
            return missing;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<bool> IsPendingAsync(PendingMark mark, CancellationToken cancellationToken) =>
        Run(() => _marks[ShardHash.Of(mark.Key.ExecutionId, ShardCount)].Contains(mark), cancellationToken);

    /// <inheritdoc />
    public Task<PendingStats> GetPendingStatsAsync(CancellationToken cancellationToken) => Run(
        () =>
        {
            var pending = _marks.Where(marks => marks.Count > 0).ToList();
            var age = pending.Count == 0 ? 0 : Now - pending.Min(marks => marks.Min.Sequence);
            return new PendingStats(pending.Sum(marks => (long)marks.Count), TimeSpan.FromMicroseconds(Math.Max(0, age)));
        },
        cancellationToken);

    private void Mark(CachedExecution execution, PendingMark mark)
    {
        if (_marks[execution.Shard].Add(mark) && mark.Kind == PendingKind.Save)
        {
            execution.Pending[mark.Key.Namespace] = execution.Pending.GetValueOrDefault(mark.Key.Namespace) + 1;
        }
    }

    private PendingEntry EntryOf(PendingMark mark)
    {
        if (mark.Kind != PendingKind.Save || Find(mark.Key.ExecutionId, mark.Key.Namespace) is not { } stream)
        {
            return new PendingEntry(mark, default);
        }

        var isHere = stream.TryGet(mark.Key.Id, out var sequence, out var checkpoint) && sequence == mark.Sequence;
        return new PendingEntry(mark with { Policy = stream.Policy }, isHere ? checkpoint.Record : default);
    }
}
