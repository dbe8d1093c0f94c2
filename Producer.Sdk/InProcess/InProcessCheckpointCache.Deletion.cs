using AsyncCheckpoints.Caching;

namespace AsyncCheckpoints.InProcess;

/// <content>Deletions.</content>
internal sealed partial class InProcessCheckpointCache
{
    /// <inheritdoc />
    public Task<long> DeleteAsync(CheckpointKey key, long sequence, bool isFixed, TimeSpan tombstoneTtl, CancellationToken cancellationToken) => Run(
        () =>
        {
            var execution = Enter(key.ExecutionId);
            var stream = execution.Streams.GetValueOrDefault(key.Namespace);
            if (!isFixed)
            {
                var floor = Math.Max(execution.SequenceOf(CachedExecution.All), execution.HighestDeletions.GetValueOrDefault(key.Namespace));
                sequence = Math.Max(sequence, Math.Max(floor, stream?.Last ?? 0) + 1);
            }

            var known = 0L;
            var isCovered = stream is not null && stream.TryGet(key.Id, out known, out _) && known <= sequence;
            if (execution.SequenceOf((key.Namespace, key.Id)) < sequence)
            {
                Bury(execution, (key.Namespace, key.Id), sequence, tombstoneTtl);
                execution.HighestDeletions[key.Namespace] = Math.Max(execution.HighestDeletions.GetValueOrDefault(key.Namespace), sequence);

                // Decided elsewhere, of something that is not here: the archive may have a newer version.
                if (isFixed && !isCovered && (stream is null || stream.Last > sequence))
                {
                    execution.Leave(sequence + 1);
                }
            }

            if (!isFixed)
            {
                Mark(execution, new PendingMark(PendingKind.Delete, key, sequence, default));
            }

            if (stream is not null)
            {
                stream.Last = Math.Max(stream.Last, sequence);
                if (isCovered)
                {
                    Remove(stream, key.Id);
                }
            }

            return sequence;
        },
        cancellationToken);

    /// <inheritdoc />
    public Task<long> ClearAsync(string executionId, long sequence, bool isFixed, TimeSpan tombstoneTtl, CancellationToken cancellationToken) => Run(
        () =>
        {
            var execution = Enter(executionId);
            if (isFixed)
            {
                var isNew = execution.SequenceOf(CachedExecution.All) < sequence;
                if (isNew)
                {
                    Bury(execution, CachedExecution.All, sequence, tombstoneTtl);
                    execution.Leave(sequence + 1);
                }
            }
            else
            {
                var floor = execution.Streams.Values.Select(stream => stream.Last).Append(execution.HighestDeletion).Max();
                sequence = Math.Max(sequence, floor + 1);

                // Above all that the execution has seen: the tombstones of single checkpoints are part of it.
                execution.ForgetDeletions();
                Bury(execution, CachedExecution.All, sequence, tombstoneTtl);
                Mark(execution, new PendingMark(PendingKind.Clear, new CheckpointKey(executionId, "", ""), sequence, default));
            }

            foreach (var stream in execution.Streams.Values.ToArray())
            {
                foreach (var position in stream.UpTo(sequence))
                {
                    Remove(stream, position.Id);
                }
            }

            return sequence;
        },
        cancellationToken);

    private void Bury(CachedExecution execution, (string Namespace, string Id) key, long sequence, TimeSpan timeToLive)
    {
        var expiresAt = Until(Now, timeToLive);
        execution.Tombstones[key] = new CachedTombstone(sequence, expiresAt);
        execution.HighestDeletion = Math.Max(execution.HighestDeletion, sequence);
        _expiring.Enqueue(new Expiring(execution, null, key), expiresAt);
    }

    private void Remove(CachedStream stream, string id)
    {
        _bytes -= stream.Bytes;
        stream.Remove(id);
        _bytes += stream.Bytes;
        if (stream.Count == 0)
        {
            Drop(stream);
        }
    }
}
