using System.Security.Cryptography;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Verify;

/// <summary>Compares one execution.</summary>
/// <param name="left">This archive.</param>
/// <param name="right">The other side, if any.</param>
/// <param name="hashes">What this archive stored beside its states.</param>
/// <param name="below">Only sequences below this count.</param>
internal sealed class ExecutionComparison(ICheckpointSource left, ICheckpointSource? right, IJobStore hashes, long below)
{
    private const int PageSize = 500;
    private const long MaxBytes = 8 * 1024 * 1024;

    /// <summary>What came of one execution.</summary>
    /// <param name="Checked">Checkpoints of this archive whose checksum was computed.</param>
    /// <param name="Compared">Those that both sides have.</param>
    /// <param name="Findings">What differs.</param>
    public sealed record Result(int Checked, int Compared, IReadOnlyList<JobFinding> Findings);

    /// <summary>Compares.</summary>
    /// <param name="execution">The execution.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task<Result> CompareAsync(string execution, CancellationToken cancellationToken)
    {
        var findings = new List<JobFinding>();
        var mine = await ReadAsync(left, execution, findings, checkStored: true, cancellationToken);
        if (right is null)
        {
            return new Result(mine.Count, 0, findings);
        }

        var theirs = await ReadAsync(right, execution, findings, checkStored: false, cancellationToken);
        foreach (var key in Missing(theirs, mine, isPartial: false))
        {
            // A second look: it may have been on its way, or deleted in between.
            if (await left.LoadAsync(key, cancellationToken) is null && await right.LoadAsync(key, cancellationToken) is { } found && found.Sequence < below)
            {
                findings.Add(new JobFinding("missing", $"{key}", $"The archive lacks it; its sequence is {found.Sequence}."));
            }
        }

        foreach (var key in Missing(mine, theirs, right.IsPartial))
        {
            if (await right.LoadAsync(key, cancellationToken) is null && await left.LoadAsync(key, cancellationToken) is { } found && found.Sequence < below)
            {
                findings.Add(new JobFinding("missing-there", $"{key}", $"Only the archive has it; its sequence is {found.Sequence}."));
            }
        }

        var common = mine.Keys.Where(theirs.ContainsKey).ToList();
        var misplaced = Misplaced(common, mine, theirs);
        foreach (var key in common.Where(key => misplaced.Contains(key) || Differs(mine[key], theirs[key]) is not null))
        {
            if (await left.LoadAsync(key, cancellationToken) is { } a && await right.LoadAsync(key, cancellationToken) is { } b
                && a.Sequence == mine[key].Sequence && b.Sequence == theirs[key].Sequence)
            {
                AddDifferences(key, Entry.Of(a), Entry.Of(b), misplaced.Contains(key), findings);
            }
        }

        return new Result(mine.Count, common.Count, findings);
    }

    private static void AddDifferences(CheckpointKey key, Entry mine, Entry theirs, bool isMisplaced, List<JobFinding> findings)
    {
        if (!mine.Hash.AsSpan().SequenceEqual(theirs.Hash))
        {
            findings.Add(new JobFinding(
                "state", $"{key}", $"The states differ: SHA-256 {Convert.ToHexStringLower(mine.Hash)} here, {Convert.ToHexStringLower(theirs.Hash)} there."));
        }

        if (mine.Sequence != theirs.Sequence)
        {
            findings.Add(new JobFinding(
                isMisplaced ? "order" : "sequence",
                $"{key}",
                $"{(isMisplaced ? "Its place in the order differs" : "Its sequence differs")}: {mine.Sequence} here, {theirs.Sequence} there."));
        }

        if (!mine.FieldsEqual(theirs))
        {
            findings.Add(new JobFinding("fields", $"{key}", "Parent, node, version, content type, time of creation or metadata differ."));
        }
    }

    private static string? Differs(Entry mine, Entry theirs) =>
        mine.Sequence != theirs.Sequence || !mine.Hash.AsSpan().SequenceEqual(theirs.Hash) || !mine.FieldsEqual(theirs) ? "" : null;

    // A side that holds only the newest part of each stream may lack what is older than all that it has of it.
    private static List<CheckpointKey> Missing(Dictionary<CheckpointKey, Entry> from, Dictionary<CheckpointKey, Entry> other, bool isPartial)
    {
        var oldest = other.GroupBy(pair => pair.Key.Namespace).ToDictionary(group => group.Key, group => group.Min(pair => pair.Value.Sequence));
        return
        [
            .. from.Where(pair => !other.ContainsKey(pair.Key)
                && (!isPartial || (oldest.TryGetValue(pair.Key.Namespace, out var first) && pair.Value.Sequence > first))).Select(pair => pair.Key),
        ];
    }

    // Of those that both have: whose rank in their namespace is another one there.
    private static HashSet<CheckpointKey> Misplaced(
        List<CheckpointKey> common, Dictionary<CheckpointKey, Entry> mine, Dictionary<CheckpointKey, Entry> theirs)
    {
        var misplaced = new HashSet<CheckpointKey>();
        foreach (var stream in common.GroupBy(key => key.Namespace))
        {
            var here = stream.OrderBy(key => ListPosition(key, mine)).ToList();
            var there = stream.OrderBy(key => ListPosition(key, theirs)).ToList();
            misplaced.UnionWith(here.Where((key, i) => key != there[i]));
        }

        return misplaced;

        static ListPosition ListPosition(CheckpointKey key, Dictionary<CheckpointKey, Entry> entries) => new(entries[key].Sequence, key.Namespace, key.Id);
    }

    private async Task<Dictionary<CheckpointKey, Entry>> ReadAsync(
        ICheckpointSource source, string execution, List<JobFinding> findings, bool checkStored, CancellationToken cancellationToken)
    {
        var entries = new Dictionary<CheckpointKey, Entry>();
        ListPosition? after = null;
        SourcePage page;
        do
        {
            var query = new CheckpointQuery { ExecutionId = execution, Namespace = null, OldestFirst = true, BeforeSequence = below, Limit = PageSize };
            page = await source.FindAsync(query, after, MaxBytes, cancellationToken);
            findings.AddRange(page.Problems);
            foreach (var checkpoint in page.Items)
            {
                entries[checkpoint.Key] = Entry.Of(checkpoint);
            }

            if (checkStored && page.Items.Count > 0)
            {
                await CheckStoredAsync(execution, page.Items, entries, findings, cancellationToken);
            }

            after = page.Last;
        }
        while (page.HasMore);
        return entries;
    }

    private async Task CheckStoredAsync(
        string execution, IReadOnlyList<Checkpoint> items, Dictionary<CheckpointKey, Entry> entries, List<JobFinding> findings, CancellationToken cancellationToken)
    {
        foreach (var stored in await hashes.ListHashesAsync(execution, new SequenceRange(items[0].Sequence, items[^1].Sequence), cancellationToken))
        {
            var key = new CheckpointKey(execution, stored.Namespace, stored.Id);
            if (entries.TryGetValue(key, out var entry) && entry.Sequence == stored.Sequence && !entry.Hash.AsSpan().SequenceEqual(stored.StateSha256.Span))
            {
                findings.Add(new JobFinding("damaged", $"{key}", $"The state is not what was archived: its SHA-256 is {Convert.ToHexStringLower(entry.Hash)}."));
            }
        }
    }

    private sealed record Entry(long Sequence, byte[] Hash, string? ParentId, string NodeName, long Version, string ContentType, DateTimeOffset CreatedAt, JsonElement? Metadata)
    {
        public static Entry Of(Checkpoint c) =>
            new(c.Sequence, SHA256.HashData(c.State.Span), c.ParentId, c.NodeName, c.Version, c.ContentType, c.CreatedAt, c.Metadata);

        public bool FieldsEqual(Entry other) =>
            ParentId == other.ParentId && NodeName == other.NodeName && Version == other.Version && ContentType == other.ContentType && CreatedAt == other.CreatedAt
            && (Metadata is { } mine ? other.Metadata is { } theirs && JsonElement.DeepEquals(mine, theirs) : other.Metadata is null);
    }
}
