using System.Diagnostics;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// Compares what was promised with what is there. An operation that was not acknowledged, or only at a level that the
/// faults of the run may break, may have happened or not; the next certain one of the same checkpoint settles it.
/// </summary>
/// <param name="ledger">What was asked for.</param>
/// <param name="isPromised">Whether an operation's acknowledgement holds whatever happened.</param>
/// <param name="isOfAnotherBuild">Whether the workload was another build's: of its checkpoints only the states are known here.</param>
/// <param name="verdict">Takes what is found.</param>
internal sealed class Auditor(
    IReadOnlyList<Operation> ledger, Func<Operation, bool> isPromised, Func<Operation, bool> isOfAnotherBuild, Verdict verdict)
{
    private readonly Dictionary<string, List<Operation>> _executions = ledger.GroupBy(operation => operation.Key.ExecutionId)
        .ToDictionary(group => group.Key, group => group.ToList());

    public IEnumerable<string> Executions => _executions.Keys;

    /// <summary>Every checkpoint of the archive, against the ledger.</summary>
    public async Task<Dictionary<string, List<Checkpoint>>> AuditArchiveAsync(ICheckpointArchive archive)
    {
        verdict.Acknowledged = ledger.Count(operation => operation.Reached is not null);
        var rows = new Dictionary<string, List<Checkpoint>>();
        foreach (var (executionId, operations) in _executions)
        {
            rows[executionId] = await ReadAsync(archive, executionId);
            AuditExecution(operations, rows[executionId]);
        }

        verdict.Archived = rows.Values.Sum(list => list.Count);
        foreach (var copies in rows.Values.SelectMany(list => list).GroupBy(row => Operation.TokenOf(row.State)).Where(group => group.Count() > 1))
        {
            verdict.AddDuplicate($"{copies.Key} is in {string.Join(" and ", copies.Select(row => row.Key))}");
        }

        return rows;
    }

    /// <summary>The cache holds the newest part of each stream and nothing else.</summary>
    /// <param name="cache">The cache.</param>
    /// <param name="rows">What the archive has.</param>
    /// <param name="hasLostData">Whether the cache has lost data since the workload of an operation began: it may lack whole streams of it.</param>
    public async Task AuditCacheAsync(ICheckpointCache cache, IReadOnlyDictionary<string, List<Checkpoint>> rows, Func<Operation, bool> hasLostData)
    {
        foreach (var stream in rows.SelectMany(pair => pair.Value).GroupBy(row => (row.ExecutionId, row.Namespace)))
        {
            var archived = stream.OrderByDescending(row => row.Sequence).ToList();
            var query = new CheckpointQuery { ExecutionId = stream.Key.ExecutionId, Namespace = stream.Key.Namespace, Limit = CheckpointQuery.MaxLimit };
            var cached = await AskAsync(() => cache.ListAsync(query, null, CancellationToken.None));
            if (cached.Count == 0 && !hasLostData(_executions[stream.Key.ExecutionId][0]))
            {
                verdict.Add($"Redis has nothing of {stream.Key}, of which the archive has {archived.Count}");
            }

            for (var i = 0; i < cached.Count; i++)
            {
                var found = CheckpointCodec.Decode(cached[i].Record, cached[i].Sequence);
                if ((i < archived.Count ? CheckpointDifference.Of(found, archived[i]) : "the archive has nothing there") is { } difference)
                {
                    verdict.Add($"Redis has {found.Key} at {found.Sequence} in place {i} of {stream.Key}: {difference}");
                    break;
                }
            }
        }
    }

    /// <summary>What a program sees: the latest of each stream and all of each execution.</summary>
    public async Task AuditClientAsync(ICheckpointClient client, IReadOnlyDictionary<string, List<Checkpoint>> rows)
    {
        foreach (var (executionId, archived) in rows)
        {
            foreach (var ns in _executions[executionId].Select(operation => operation.Key.Namespace).Distinct())
            {
                var expected = archived.Where(row => row.Namespace == ns).MaxBy(row => row.Sequence);
                var latest = await AskAsync(() => client.LoadLatestAsync(executionId, ns));
                if ((latest is null || expected is null ? (latest == expected ? null : "only one of them has it") : CheckpointDifference.Of(latest, expected)) is { } difference)
                {
                    verdict.Add(
                        $"The latest of '{executionId}'/'{ns}' is {latest?.Key} at {latest?.Sequence}, in the archive {expected?.Key} at {expected?.Sequence}: {difference}");
                }
            }

            var listed = new List<CheckpointKey>();
            for (string? token = ""; token is not null;)
            {
                var query = new CheckpointQuery
                {
                    ExecutionId = executionId,
                    Namespace = null,
                    Limit = 500,
                    ContinuationToken = token.Length > 0 ? token : null,
                    IncludeState = false,
                };
                var page = await AskAsync(() => client.ListAsync(query));
                listed.AddRange(page.Items.Select(item => item.Key));
                token = page.ContinuationToken;
            }

            if (!listed.SequenceEqual(archived.Select(row => row.Key)))
            {
                verdict.Add($"'{executionId}' lists {listed.Count} checkpoints that differ from the {archived.Count} of the archive");
            }
        }
    }

    /// <summary>All that the archive has of an execution.</summary>
    public static async Task<List<Checkpoint>> ReadAsync(ICheckpointArchive archive, string executionId)
    {
        var all = new List<Checkpoint>();
        while (true)
        {
            var query = new CheckpointQuery { ExecutionId = executionId, Namespace = null, Limit = CheckpointQuery.MaxLimit };
            var page = await archive.FindAsync(query, null, all.Count > 0 ? ListPosition.Of(all[^1]) : null, long.MaxValue, CancellationToken.None);
            all.AddRange(page.Items);
            if (!page.HasMore)
            {
                return all;
            }
        }
    }

    /// <summary>The clients of a run are impatient, and the machine may be busy: what passes is no finding.</summary>
    private static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (CheckpointUnavailableException) when (Stopwatch.GetElapsedTime(started) < FaultLab.Patience)
            {
                await Task.Delay(100);
            }
        }
    }

    private void AuditExecution(List<Operation> operations, List<Checkpoint> rows)
    {
        var byKey = rows.ToDictionary(row => row.Key);
        foreach (var key in operations.Where(operation => operation.Kind != OperationKind.Clear).Select(operation => operation.Key).Distinct())
        {
            var history = operations.Where(operation => operation.Key == key || operation.Kind == OperationKind.Clear).ToList();
            AuditKey(key, history, byKey.GetValueOrDefault(key));
            byKey.Remove(key);
        }

        foreach (var stranger in byKey.Values)
        {
            verdict.Add($"{stranger.Key} was never saved");
        }

        AuditOrder(operations, rows);
    }

    private void AuditKey(CheckpointKey key, List<Operation> history, Checkpoint? row)
    {
        // Null stands for "not there".
        var possible = new HashSet<string?> { null };
        foreach (var operation in history)
        {
            if (isPromised(operation))
            {
                possible.Clear();
            }

            possible.Add(operation.Kind == OperationKind.Save ? operation.Token : null);
        }

        var last = string.Join(", ", history.TakeLast(4).Select(
            operation => $"{operation.Kind} {operation.Token} → {(operation.Reached is { } reached ? $"{reached} at {operation.Sequence}" : "not acknowledged")}"));
        if (row is null)
        {
            if (!possible.Contains(null))
            {
                verdict.AddLost($"{key}: {last}");
            }

            return;
        }

        var token = Operation.TokenOf(row.State);
        var expected = isOfAnotherBuild(history[0]) ? row with { State = Operation.StateOf(token) } : Operation.CheckpointOf(key, token) with { Sequence = row.Sequence };
        if (CheckpointDifference.Of(row, expected) is { } difference)
        {
            verdict.Add($"{key} is not what was saved: {difference}");
        }

        if (!possible.Contains(token))
        {
            if (possible.All(content => content is null))
            {
                verdict.AddResurrected($"{key} has {token} at {row.Sequence}: {last}");
            }
            else
            {
                verdict.AddLost($"{key} has {token} at {row.Sequence}: {last}");
            }
        }
    }

    /// <summary>Sequences rise with the steps of the writer; those of one burst may come in any order.</summary>
    private void AuditOrder(List<Operation> operations, List<Checkpoint> rows)
    {
        var saves = operations.Where(operation => operation.Kind == OperationKind.Save).GroupBy(operation => operation.Token)
            .Where(group => group.Count() == 1).ToDictionary(group => group.Key, group => group.Single());
        foreach (var stream in rows.GroupBy(row => row.Namespace))
        {
            long before = 0;
            var certain = stream.Select(row => (Row: row, Save: saves.GetValueOrDefault(Operation.TokenOf(row.State))))
                .Where(item => item.Save is not null && isPromised(item.Save));
            foreach (var step in certain.GroupBy(item => item.Save!.Step).OrderBy(group => group.Key))
            {
                foreach (var (row, save) in step)
                {
                    if (row.Sequence <= before)
                    {
                        verdict.Add($"{row.Key} of step {save!.Step} is at {row.Sequence}, not behind {before} of a step before");
                    }

                    if (!save!.IsToldSequence(row.Sequence))
                    {
                        verdict.Add($"{row.Key} is at {row.Sequence}; its caller was told {save.Sequence}");
                    }
                }

                before = Math.Max(before, step.Max(item => item.Row.Sequence));
            }
        }
    }
}
