using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// Back-fill from langgraphgo. Its checkpoints go to the namespace "" of their execution, before everything that is live
/// there, and behind what an earlier back-fill brought; a report says what could not be read.
/// </summary>
internal sealed class ForeignBackfill(SourceFactory sources, ICheckpointArchive archive, CacheLink cache, ArchiveImport import)
{
    private const string ContentType = "application/json";
    private const int ExecutionPageSize = 500;
    private const long MaxBytes = 8 * 1024 * 1024;
    private const int LoadSize = 100;

    public async IAsyncEnumerable<JobStep> RunAsync(
        JobContext context, BackfillArguments arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var store = await sources.OpenForeignAsync(arguments.Source!, cancellationToken);
        var from = JobJson.Read<ForeignCursor>(context.Cursor);
        var total = from is null && arguments.Execution is null ? await store.CountAsync(arguments.Prefix(), cancellationToken) : null;
        var batch = new Batch();
        await foreach (var execution in ExecutionsAsync(store, arguments, from, cancellationToken))
        {
            var passed = execution == from?.Execution ? from.Passed : null;
            var index = await store.IndexAsync(execution, cancellationToken);
            if (passed is null)
            {
                batch.Unreadable(index.Problems);
            }

            var plan = await PlanAsync(execution, index.Entries, context.CreatedAt, cancellationToken);
            var start = passed is null ? 0 : ForeignPosition.CountUpTo(passed, plan);
            while (start < plan.Count)
            {
                var part = plan.Skip(start).Take(Math.Clamp(context.BatchSize - batch.Items.Count, 1, LoadSize)).ToList();
                await LoadAsync(store, execution, part, batch, cancellationToken);
                start += part.Count;
                batch.Cursor = new ForeignCursor(execution, start < plan.Count ? ForeignPosition.Of(part[^1].Entry) : null);
                if (batch.Done >= context.BatchSize || batch.Bytes >= MaxBytes)
                {
                    yield return await WriteAsync(batch, total, cancellationToken);
                    batch = new Batch();
                }
            }

            batch.Cursor = new ForeignCursor(execution, null);
        }

        if (from?.Execution != ForeignCursor.End)
        {
            batch.Unreadable(store.Strays);
            batch.Cursor = new ForeignCursor(ForeignCursor.End, null);
            yield return await WriteAsync(batch, total, cancellationToken);
        }
    }

    private static async IAsyncEnumerable<string> ExecutionsAsync(
        IForeignStore store, BackfillArguments arguments, ForeignCursor? from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (arguments.Execution is { } one)
        {
            if (from is null or { Passed: not null })
            {
                yield return one;
            }

            yield break;
        }

        if (from is { Passed: not null })
        {
            yield return from.Execution;
        }

        var after = from?.Execution;
        while (after != ForeignCursor.End)
        {
            var page = await store.FindExecutionsAsync(arguments.Prefix(), after, ExecutionPageSize, cancellationToken);
            foreach (var execution in page)
            {
                yield return execution;
            }

            after = page.Count < ExecutionPageSize ? ForeignCursor.End : page[^1];
        }
    }

    /// <summary>
    /// Below what is live in the stream, here or in the cache, and below the job's own time: a checkpoint saved from now on
    /// is newer. Live is what lies above all that a back-fill brought; what an earlier one brought keeps its place, also
    /// where the source has lost it since.
    /// </summary>
    private async Task<IReadOnlyList<(ForeignEntry Entry, long Sequence)>> PlanAsync(
        string execution, IReadOnlyList<ForeignEntry> entries, DateTimeOffset createdAt, CancellationToken cancellationToken)
    {
        if (entries.Count == 0 || execution.Length is 0 or > CheckpointLimits.MaxIdLength || execution.Any(char.IsControl))
        {
            return ForeignSequences.Assign(entries, long.MaxValue, new Dictionary<string, long>()); // Not one of them will pass.
        }

        var times = entries.ToLookup(entry => entry.Id, entry => CheckpointCodec.ToMicroseconds(entry.Timestamp), StringComparer.Ordinal);
        var (brought, others, newestBrought) = (new Dictionary<string, long>(StringComparer.Ordinal), new List<long>(), 0L);
        ICheckpointSource[] stores = [new ArchiveSource(archive, isOwned: false), new CacheSource(cache, import.MaxStateBytes)];
        foreach (var store in stores)
        {
            var query = new CheckpointQuery { ExecutionId = execution, Namespace = "", OldestFirst = true, IncludeState = false, Limit = CheckpointQuery.MaxLimit };
            ListPosition? after = null;
            SourcePage page;
            do
            {
                page = await store.FindAsync(query, after, long.MaxValue, cancellationToken);
                foreach (var item in page.Items)
                {
                    if (IsBrought(item, times[item.Id]))
                    {
                        newestBrought = Math.Max(newestBrought, item.Sequence);
                        brought[item.Id] = item.Sequence;
                    }
                    else if (!times.Contains(item.Id))
                    {
                        others.Add(item.Sequence);
                    }
                }

                after = page.Last;
            }
            while (page.HasMore);
        }

        var below = others.Where(sequence => sequence > newestBrought).Append(CheckpointCodec.ToMicroseconds(createdAt)).Min();
        return ForeignSequences.Assign(entries, below, brought);
    }

    // Its time in the source became its time of creation and, where there was room, its sequence. The sequence of a save
    // comes from another clock, so of what the source has lost only a few saves look the same.
    private static bool IsBrought(Checkpoint item, IEnumerable<long> timesInSource)
    {
        var createdAt = CheckpointCodec.ToMicroseconds(item.CreatedAt);
        return item.ParentId is null && item.ContentType == ContentType && (createdAt == item.Sequence || timesInSource.Contains(createdAt));
    }

    private async Task LoadAsync(
        IForeignStore store, string execution, List<(ForeignEntry Entry, long Sequence)> part, Batch batch, CancellationToken cancellationToken)
    {
        batch.Done += part.Count;
        var loaded = await store.LoadAsync(execution, part.ConvertAll(item => item.Entry), cancellationToken);
        var byId = loaded.ToDictionary(item => item.Entry.Locator, StringComparer.Ordinal);
        foreach (var (entry, sequence) in part)
        {
            if (!byId.TryGetValue(entry.Locator, out var foreign))
            {
                batch.Unreadable([new JobFinding("missing", $"{execution}/{entry.Id}", "It was gone when its state was to be read.")]);
                continue;
            }

            try
            {
                var checkpoint = new Checkpoint
                {
                    ExecutionId = execution,
                    Id = entry.Id,
                    Sequence = sequence,
                    NodeName = foreign.NodeName,
                    Version = entry.Version,
                    CreatedAt = entry.Timestamp,
                    ContentType = ContentType,
                    State = foreign.State,
                    Metadata = ReadMetadata(execution, foreign, batch),
                };
                CheckpointLimits.Validate(checkpoint, import.MaxStateBytes);
                CheckpointLimits.Validate(checkpoint.Key);
                batch.Add(checkpoint);
            }
            catch (ArgumentException e)
            {
                batch.Unreadable([new JobFinding("unreadable", $"{execution}/{entry.Id}", e.Message)]);
            }
        }
    }

    // The state matters more: metadata that cannot be kept is left out, and the report says so.
    private static JsonElement? ReadMetadata(string execution, ForeignCheckpoint foreign, Batch batch)
    {
        try
        {
            var metadata = foreign.Metadata is { } text && text != "null" ? CheckpointCodec.ParseMetadata(text) : null;
            CheckpointLimits.ValidateMetadata(metadata, nameof(Checkpoint.Metadata));
            return metadata;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or DecoderFallbackException)
        {
            batch.Findings.Add(new JobFinding("metadata-left-out", $"{execution}/{foreign.Entry.Id}", e.Message));
            return null;
        }
    }

    private async Task<JobStep> WriteAsync(Batch batch, long? total, CancellationToken cancellationToken)
    {
        var (archived, refused) = await import.WriteAsync(batch.Items, cancellationToken);
        return new JobStep(JobJson.Write(batch.Cursor), batch.Done)
        {
            Total = total,
            Counts = [("archived", archived), ("unchanged", batch.Items.Count - archived - refused.Count), ("unreadable", batch.UnreadableCount), ("refused", refused.Count)],
            Findings = [.. batch.Findings, .. refused],
        };
    }

    /// <summary>Where it stands: behind an entry of an execution, or behind all of it.</summary>
    private sealed record ForeignCursor(string Execution, ForeignPosition? Passed)
    {
        // Above every execution in byte order: no text has it.
        public const string End = "\uFFFF";
    }

    private sealed class Batch
    {
        public List<Checkpoint> Items { get; } = [];

        public List<JobFinding> Findings { get; } = [];

        public ForeignCursor? Cursor { get; set; }

        public int Done { get; set; }

        public int UnreadableCount { get; private set; }

        public long Bytes { get; private set; }

        public void Add(Checkpoint checkpoint)
        {
            Items.Add(checkpoint);
            Bytes += checkpoint.State.Length;
        }

        public void Unreadable(IReadOnlyList<JobFinding> problems)
        {
            Findings.AddRange(problems);
            UnreadableCount += problems.Count;
        }
    }
}
