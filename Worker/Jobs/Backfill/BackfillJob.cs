using System.Runtime.CompilerServices;
using System.Text.Json;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// Brings into the archive what it lacks. From the cache, a file or another archive with the sequences that they have, and
/// from another archive its deletions first;
/// from langgraphgo with sequences made for them (<see cref="ForeignBackfill"/>).
/// </summary>
internal sealed class BackfillJob(SourceFactory sources, JobFiles files, ArchiveImport import, ForeignBackfill foreign) : IJobKind
{
    private const string File = "file";
    private const string TombstonePhase = "tombstones ";
    private const int TombstonesAtOnce = 100;

    public string Kind => "backfill";

    public void Validate(JsonElement arguments)
    {
        var parsed = JobJson.Arguments<BackfillArguments>(arguments);
        parsed.Validate();
        if (parsed.Source == File)
        {
            files.Resolve(parsed.Path);
        }
        else
        {
            sources.Validate(parsed.Source, isForeignAllowed: true);
        }

        if ((parsed.Source == File || sources.IsForeign(parsed.Source!)) && parsed.HasInnerFilter())
        {
            throw new ArgumentException(
                "namespace, node, metadata, savedFrom and savedBefore do not work with this source; execution and executionPrefix are allowed.", nameof(arguments));
        }
    }

    public IAsyncEnumerable<JobStep> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        Validate(context.Arguments);
        var arguments = JobJson.Arguments<BackfillArguments>(context.Arguments);
        return arguments.Source == File ? ReadFileAsync(context, arguments, cancellationToken)
            : sources.IsForeign(arguments.Source!) ? foreign.RunAsync(context, arguments, cancellationToken)
            : ReadSourceAsync(context, arguments, cancellationToken);
    }

    private async IAsyncEnumerable<JobStep> ReadSourceAsync(
        JobContext context, BackfillArguments arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var source = sources.Open(arguments.Source!);
        var total = context.Cursor is null ? await source.CountAsync(arguments, cancellationToken) : null;
        var cursor = context.Cursor;
        if (!arguments.HasInnerFilter() && (cursor is null || cursor.StartsWith(TombstonePhase, StringComparison.Ordinal)))
        {
            // Before the checkpoints, so that none of these is seen that is deleted there or here.
            await foreach (var step in ReadTombstonesAsync(source, arguments, JobJson.Read<Tombstone>(cursor?[TombstonePhase.Length..]), context.BatchSize, cancellationToken))
            {
                yield return step;
            }

            cursor = null;
        }

        // Bounded by what the source has, not by the time: the clock of its sequences may be ahead, and nothing may be lacking.
        var scan = new SourceScan(source, arguments, includeState: true) { EndsAtNewest = true };
        await foreach (var batch in scan.ReadAsync(JobJson.Read<ScanCursor>(cursor), context.BatchSize, cancellationToken))
        {
            yield return await WriteAsync(batch.Items, batch.Problems, JobJson.Write(batch.Cursor), batch.Items.Count, total, cancellationToken);
        }
    }

    private async IAsyncEnumerable<JobStep> ReadTombstonesAsync(
        ICheckpointSource source, BackfillArguments arguments, Tombstone? last, int batchSize, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // On PostgreSQL a deletion has the execution to itself until its transaction ends.
        while (await source.FindTombstonesAsync(arguments.Prefix(), last, Math.Min(batchSize, TombstonesAtOnce), cancellationToken) is { Count: > 0 } page)
        {
            var meant = page.Where(tombstone => arguments.Execution is null || tombstone.ExecutionId == arguments.Execution).ToList();
            await import.DeleteAsync(meant, cancellationToken);
            last = page[^1];
            yield return new JobStep(TombstonePhase + JobJson.Write(last), meant.Count) { Counts = [("tombstones", meant.Count)] };
        }
    }

    private async IAsyncEnumerable<JobStep> ReadFileAsync(
        JobContext context, BackfillArguments arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var text = new StreamReader(files.OpenRead(arguments.Path!));
        var reader = new BoundedLineReader(text, CheckpointLine.MaxLength(import.MaxStateBytes));
        var passed = JobJson.Read<LineCursor>(context.Cursor)?.Lines ?? 0;
        for (var i = 0L; i < passed; i++)
        {
            await reader.ReadAsync(cancellationToken);
        }

        var (items, problems, lines, bytes) = (new List<Checkpoint>(), new List<JobFinding>(), 0, 0L);
        while (await reader.ReadAsync(cancellationToken) is { } line)
        {
            lines++;
            bytes += line.Text?.Length ?? 0;
            try
            {
                if (line.Length > 0 && CheckpointLine.Read(line.Text ?? throw TooLong(line.Length), import.MaxStateBytes) is var checkpoint
                    && IsWanted(arguments, checkpoint))
                {
                    items.Add(checkpoint);
                }
            }
            catch (CheckpointFormatException e)
            {
                problems.Add(new JobFinding("unreadable", $"line {passed + lines}", e.Message));
            }

            if (lines >= context.BatchSize || bytes > 16 * 1024 * 1024)
            {
                passed += lines;
                yield return await WriteAsync(items, problems, JobJson.Write(new LineCursor(passed)), lines, null, cancellationToken);
                (items, problems, lines, bytes) = ([], [], 0, 0);
            }
        }

        if (lines > 0)
        {
            yield return await WriteAsync(items, problems, JobJson.Write(new LineCursor(passed + lines)), lines, passed + lines, cancellationToken);
        }
    }

    private CheckpointFormatException TooLong(long length) => new(
        $"The line has {length} characters; {CheckpointLine.MaxLength(import.MaxStateBytes)} are enough for the largest state that is allowed ({import.MaxStateBytes} bytes).");

    private static bool IsWanted(BackfillArguments arguments, Checkpoint checkpoint) =>
        arguments.Execution is { } one
            ? checkpoint.ExecutionId == one
            : checkpoint.ExecutionId.StartsWith(arguments.ExecutionPrefix ?? "", StringComparison.Ordinal);

    private async Task<JobStep> WriteAsync(
        IReadOnlyList<Checkpoint> items, IReadOnlyList<JobFinding> problems, string cursor, int done, long? total, CancellationToken cancellationToken)
    {
        var (archived, refused) = await import.WriteAsync(items, cancellationToken);
        return new JobStep(cursor, done)
        {
            Total = total,
            Counts = [("archived", archived), ("unchanged", items.Count - archived - refused.Count), ("unreadable", problems.Count), ("refused", refused.Count)],
            Findings = [.. problems, .. refused],
        };
    }

    private sealed record LineCursor(long Lines);
}
