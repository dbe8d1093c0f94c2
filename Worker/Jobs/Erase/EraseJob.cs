using System.Runtime.CompilerServices;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Erase;

/// <summary>
/// Erases what is stored of a person: checkpoints as a client deletes them, to level Persisted, so that Redis and archive
/// hold tombstones before the job goes on; then dead letters. What it cannot reach is a finding. Where that is in Redis,
/// it is erased in the archive all the same. A repeat finds nothing left to do.
/// </summary>
internal sealed class EraseJob(
    ICheckpointClient client,
    ICheckpointArchive archive,
    IJobStore store,
    SourceFactory sources,
    LetterErasure letters,
    JobFiles files,
    IQueueDepth queue,
    TimeProvider time) : IJobKind
{
    private const int MaxExecutionsInStep = 1000;
    private const long MaxLetterBytes = 16 * 1024 * 1024;

    // Deletions that wait at the same time share messages and transactions.
    private const int DeletionsAtOnce = 100;

    public string Kind => "erase";

    public void Validate(JsonElement arguments) => JobJson.Arguments<EraseArguments>(arguments).Validate();

    public async IAsyncEnumerable<JobStep> RunAsync(JobContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Validate(context.Arguments);
        var arguments = JobJson.Arguments<EraseArguments>(context.Arguments);
        var scope = new EraseScope(arguments);
        var cursor = JobJson.Read<EraseCursor>(context.Cursor) ?? new EraseCursor(null, null);
        if (cursor.Letter is null)
        {
            await foreach (var step in EraseCheckpointsAsync(arguments, scope, cursor, context.BatchSize, cancellationToken))
            {
                yield return step;
            }

            cursor = new EraseCursor(null, 0);
            yield return new JobStep(JobJson.Write(cursor), 0) { Counts = [(LettersOf(arguments), 0)] };
        }

        await foreach (var step in EraseLettersAsync(arguments, scope, cursor, context.BatchSize, cancellationToken))
        {
            yield return step;
            cursor = JobJson.Read<EraseCursor>(step.Cursor)!;
        }

        yield return new JobStep(JobJson.Write(cursor), 0) { Findings = await FindUnreachedAsync(arguments, cancellationToken) };
    }

    private async IAsyncEnumerable<JobStep> EraseCheckpointsAsync(
        EraseArguments arguments, EraseScope scope, EraseCursor cursor, int batchSize, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var cache = sources.Open(SourceFactory.Cache);
        await using var archived = new ArchiveSource(archive, isOwned: false);
        var scan = scope.Pattern.IsOne ? new ScanArguments { Execution = scope.Pattern.Prefix } : new ScanArguments { ExecutionPrefix = scope.Pattern.Prefix };
        var (passed, erased, executions, last) = (0, 0, 0, cursor.Execution);
        await foreach (var execution in SourceScan.ExecutionsOfBothAsync(cache, archived, scan, cursor.Execution, cancellationToken))
        {
            executions++;
            if (scope.Pattern.Fits(execution))
            {
                // Redis first: what leaves it meanwhile is in the archive then.
                var keys = new Dictionary<CheckpointKey, long>();
                var problems = new List<JobFinding>();
                var query = (scan with { Metadata = scope.Metadata }).Query(execution, includeState: false, CheckpointQuery.MaxLimit);
                await CollectAsync(cache, query, keys, problems, cancellationToken);
                await CollectAsync(archived, query, keys, problems, cancellationToken);
                if (scope.Metadata is null)
                {
                    // What could not be read goes with the rest.
                    problems.Clear();
                    if (!arguments.DryRun)
                    {
                        await DeleteAsync(
                            execution,
                            () => client.ClearAsync(execution, Durability.Persisted, cancellationToken),
                            async () => new Tombstone(execution, null, null, await NewestAsync(execution, cancellationToken), Uncached: false),
                            problems,
                            cancellationToken);
                    }

                    (passed, erased) = (passed + keys.Count + 1, erased + keys.Count);
                }
                else
                {
                    foreach (var part in keys.Chunk(Math.Min(DeletionsAtOnce, batchSize)))
                    {
                        if (!arguments.DryRun)
                        {
                            await Task.WhenAll(part.Select(row => DeleteAsync(
                                $"{row.Key}",
                                () => client.DeleteAsync(row.Key, Durability.Persisted, cancellationToken),
                                () => Task.FromResult(new Tombstone(execution, row.Key.Namespace, row.Key.Id, row.Value, Uncached: false)),
                                problems,
                                cancellationToken)));
                        }

                        (passed, erased) = (passed + part.Length, erased + part.Length);
                        if (passed >= batchSize && !arguments.DryRun)
                        {
                            // Done again, this execution has less to erase.
                            yield return StepOf([]);
                            (passed, erased) = (0, 0);
                        }
                    }

                    passed++;
                }

                if (problems.Count > 0)
                {
                    last = execution;
                    yield return StepOf(problems);
                    (passed, erased, executions) = (0, 0, 0);
                }
            }

            last = execution;
            if (passed >= batchSize || executions >= MaxExecutionsInStep)
            {
                yield return StepOf([]);
                (passed, erased, executions) = (0, 0, 0);
            }
        }

        yield return StepOf([]);

        JobStep StepOf(IReadOnlyList<JobFinding> findings) => new(JobJson.Write(new EraseCursor(last, null)), passed)
        {
            Counts = [(arguments.DryRun ? "wouldErase" : "erased", erased)],
            Findings = findings,
        };
    }

    private async IAsyncEnumerable<JobStep> EraseLettersAsync(
        EraseArguments arguments, EraseScope scope, EraseCursor cursor, int batchSize, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var last = cursor.Letter ?? 0;
        while (await store.ListDeadLettersAfterAsync(last, batchSize, MaxLetterBytes, cancellationToken) is { Count: > 0 } page)
        {
            var (erased, findings) = (0, new List<JobFinding>());
            foreach (var letter in page)
            {
                last = letter.RowId;
                switch (await letters.TryEraseAsync(letter, scope, arguments.DryRun, cancellationToken))
                {
                    case true:
                        erased++;
                        break;
                    case null:
                        findings.Add(new JobFinding("unreadable", $"dead letter {letter.RowId}", "Whose it is cannot be read. Look at it, and discard it if it is meant."));
                        break;
                }
            }

            yield return new JobStep(JobJson.Write(new EraseCursor(null, last)), page.Count)
            {
                Counts = [(LettersOf(arguments), erased)],
                Findings = findings,
            };
        }
    }

    private static string LettersOf(EraseArguments arguments) => arguments.DryRun ? "wouldEraseLetters" : "lettersErased";

    // Each with the highest of its sequences.
    private static async Task CollectAsync(
        ICheckpointSource source, CheckpointQuery query, Dictionary<CheckpointKey, long> keys, List<JobFinding> problems, CancellationToken cancellationToken)
    {
        ListPosition? after = null;
        SourcePage page;
        do
        {
            page = await source.FindAsync(query, after, long.MaxValue, cancellationToken);
            foreach (var item in page.Items)
            {
                keys[item.Key] = Math.Max(item.Sequence, keys.GetValueOrDefault(item.Key));
            }

            problems.AddRange(page.Problems);
            after = page.Last;
        }
        while (page.HasMore);
    }

    private async Task DeleteAsync(
        string subject, Func<Task<Durability>> delete, Func<Task<Tombstone>> tombstone, List<JobFinding> problems, CancellationToken cancellationToken)
    {
        try
        {
            if (await delete() is < Durability.Persisted and var reached)
            {
                throw new CheckpointUnavailableException($"A deletion only reached {reached}.", "Check the worker's queue and its archive.");
            }
        }
        catch (CheckpointFormatException e)
        {
            // Its place in Redis holds something else, which a repair would meet too. That must keep neither the archive
            // nor other executions from being erased.
            await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, [], [await tombstone()])], []), cancellationToken);
            lock (problems)
            {
                problems.Add(new JobFinding("not-reached", subject, $"It is gone from the archive. Redis still holds what is at its place: {e.Message}"));
            }
        }
    }

    // At or above all that is archived: sequences may come from a clock that was ahead. Hashes are there for damaged rows too.
    private async Task<long> NewestAsync(string execution, CancellationToken cancellationToken)
    {
        var rows = await store.ListHashesAsync(execution, new SequenceRange(long.MinValue, long.MaxValue), cancellationToken);
        return rows.Select(row => row.Sequence).Append(CheckpointCodec.ToMicroseconds(time.GetUtcNow())).Max();
    }

    private async Task<IReadOnlyList<JobFinding>> FindUnreachedAsync(EraseArguments arguments, CancellationToken cancellationToken)
    {
        var findings = new List<JobFinding>();
        if (!arguments.DryRun && !await store.FlushDeletedAsync(cancellationToken))
        {
            findings.Add(new JobFinding("not-reached", "SQLite's log", "It was in use and still holds what was erased. Run the job again."));
        }

        if (await queue.CountDeadAsync(cancellationToken) is > 0 and var dead)
        {
            findings.Add(new JobFinding("not-reached", "the broker's dead commands", $"{dead} messages that were delivered too often. Look at them, and purge the queue if they are meant."));
        }

        findings.AddRange(files.Find("*").Order(StringComparer.Ordinal)
            .Select(path => new JobFinding("not-reached", $"file {Path.GetRelativePath(files.Folder, path)}", "An export or a source of a back-fill, which may hold what was erased. Delete it if it does.")));

        return findings;
    }

    /// <summary>Where the job stands: behind an execution, or, once all are done, behind a letter.</summary>
    private sealed record EraseCursor(string? Execution, long? Letter);
}
