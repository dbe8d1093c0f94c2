using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Verify;

/// <summary>
/// Compares one execution. What differs is looked at again before it is a finding: a save or deletion that is on its way
/// from the cache to the archive is none, and while repairs of the cache wait in the outbox, it is given time.
/// </summary>
/// <param name="left">This archive.</param>
/// <param name="right">The other side, if any.</param>
/// <param name="archive">This archive itself, for its outbox.</param>
/// <param name="hashes">What this archive stored beside its states.</param>
/// <param name="below">Only sequences below this count.</param>
/// <param name="time">The clock of its pauses.</param>
internal sealed class ExecutionComparison(
    ICheckpointSource left, ICheckpointSource? right, ICheckpointArchive archive, IJobStore hashes, long below, TimeProvider time)
{
    private const int PageSize = 500;
    private const long MaxBytes = 8 * 1024 * 1024;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // For all executions together: where much differs, or the outbox never empties, the job goes on all the same.
    private TimeSpan _patience = TimeSpan.FromSeconds(30);

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
        var common = mine.Keys.Where(theirs.ContainsKey).ToList();
        var misplaced = Misplaced(common, mine, theirs);
        List<Suspect> suspects =
        [
            .. theirs.Keys.Where(key => !mine.ContainsKey(key)).Select(key => new Suspect(key, false)),
            .. (await MissingThereAsync(right, mine, theirs, cancellationToken)).Select(key => new Suspect(key, false)),
            .. common.Where(key => misplaced.Contains(key) || !mine[key].Equals(theirs[key])).Select(key => new Suspect(key, misplaced.Contains(key))),
        ];
        if (suspects.Count > 0)
        {
            var isUnreadableKnown = findings.Exists(finding => finding.Kind == "unreadable");
            findings.AddRange(await LookAgainAsync(right, suspects, isUnreadableKnown, cancellationToken));
        }

        return new Result(mine.Count, common.Count, findings);
    }

    private async Task<List<JobFinding>> LookAgainAsync(
        ICheckpointSource other, List<Suspect> suspects, bool isUnreadableKnown, CancellationToken cancellationToken)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            var started = time.GetTimestamp();
            var isLast = !other.IsPartial || _patience <= TimeSpan.Zero || !await archive.HasOutboxAsync(OutboxKind.Cache, cancellationToken);
            var (findings, remaining) = (new List<JobFinding>(), new List<Suspect>());
            foreach (var suspect in suspects)
            {
                var count = findings.Count;
                try
                {
                    findings.AddRange(await LookAgainAsync(other, suspect, cancellationToken));
                }
                catch (CheckpointFormatException e)
                {
                    // Mostly it is what reading the execution has reported already.
                    findings.AddRange(isUnreadableKnown ? [] : [new JobFinding("unreadable", $"{suspect.Key}", e.Message)]);
                }

                remaining.AddRange(findings.Count > count ? [suspect] : []);
            }

            if (isLast || remaining.Count == 0)
            {
                return findings;
            }

            await Task.Delay(pause, time, cancellationToken);
            _patience -= time.GetElapsedTime(started);
            suspects = remaining;
        }
    }

    private async Task<IReadOnlyList<JobFinding>> LookAgainAsync(ICheckpointSource other, Suspect suspect, CancellationToken cancellationToken)
    {
        // In this order: what is settled is in the archive.
        var key = suspect.Key;
        if (await other.IsUnderWayAsync(key, cancellationToken))
        {
            return [];
        }

        var mine = await left.LoadAsync(key, cancellationToken);
        var theirs = await other.LoadAsync(key, cancellationToken);
        IReadOnlyList<JobFinding> findings = mine?.Sequence >= below || theirs?.Sequence >= below ? [] : (mine, theirs) switch
        {
            (null, null) => [],
            (null, { } only) => [new JobFinding("missing", $"{key}", $"The archive lacks it; its sequence is {only.Sequence}.")],
            ({ } only, null) => [new JobFinding("missing-there", $"{key}", $"Only the archive has it; its sequence is {only.Sequence}.")],
            ({ } a, { } b) => [.. Differences(a, b, suspect.IsMisplaced)],
        };

        // It may have been saved or deleted between the two reads.
        return findings.Count > 0 && await other.IsUnderWayAsync(key, cancellationToken) ? [] : findings;
    }

    private static IEnumerable<JobFinding> Differences(Checkpoint mine, Checkpoint theirs, bool isMisplaced)
    {
        if (!mine.State.Span.SequenceEqual(theirs.State.Span))
        {
            yield return new JobFinding(
                "state", $"{mine.Key}", $"The states differ: SHA-256 {HashOf(mine)} here, {HashOf(theirs)} there.");
        }

        if (mine.Sequence != theirs.Sequence)
        {
            yield return new JobFinding(
                isMisplaced ? "order" : "sequence",
                $"{mine.Key}",
                $"{(isMisplaced ? "Its place in the order differs" : "Its sequence differs")}: {mine.Sequence} here, {theirs.Sequence} there.");
        }

        if (!FieldsEqual(mine, theirs))
        {
            yield return new JobFinding("fields", $"{mine.Key}", "Parent, node, version, content type, time of creation or metadata differ.");
        }

        static string HashOf(Checkpoint checkpoint) => Convert.ToHexStringLower(SHA256.HashData(checkpoint.State.Span));
    }

    private static bool FieldsEqual(Checkpoint a, Checkpoint b) =>
        a.ParentId == b.ParentId && a.NodeName == b.NodeName && a.Version == b.Version && a.ContentType == b.ContentType && a.CreatedAt == b.CreatedAt
        && (a.Metadata is { } mine ? b.Metadata is { } theirs && JsonElement.DeepEquals(mine, theirs) : b.Metadata is null);

    /// <summary>
    /// What the other side lacks. One that holds only the newest part of each stream may lack what is older than all that
    /// it has of it, apart from what it keeps because it is not archived yet.
    /// </summary>
    private static async Task<IReadOnlyList<CheckpointKey>> MissingThereAsync(
        ICheckpointSource other, Dictionary<CheckpointKey, Entry> mine, Dictionary<CheckpointKey, Entry> theirs, CancellationToken cancellationToken)
    {
        var missing = mine.Keys.Where(key => !theirs.ContainsKey(key)).ToList();
        if (!other.IsPartial)
        {
            return missing;
        }

        var found = new List<CheckpointKey>();
        foreach (var stream in missing.GroupBy(key => key.Namespace))
        {
            var oldest = long.MaxValue;
            foreach (var (key, entry) in theirs.Where(pair => pair.Key.Namespace == stream.Key).OrderBy(pair => pair.Value.Sequence))
            {
                if (!await other.IsUnderWayAsync(key, cancellationToken))
                {
                    oldest = entry.Sequence;
                    break;
                }
            }

            found.AddRange(stream.Where(key => mine[key].Sequence > oldest));
        }

        return found;
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
            var states = new Dictionary<(CheckpointKey, long), byte[]>();
            foreach (var checkpoint in page.Items)
            {
                var state = states[(checkpoint.Key, checkpoint.Sequence)] = SHA256.HashData(checkpoint.State.Span);
                entries[checkpoint.Key] = Entry.Of(checkpoint, state);
            }

            if (checkStored && page.Items.Count > 0)
            {
                await CheckStoredAsync(execution, page.Items, states, findings, cancellationToken);
            }

            after = page.Last;
        }
        while (page.HasMore);
        return entries;
    }

    private async Task CheckStoredAsync(
        string execution,
        IReadOnlyList<Checkpoint> items,
        Dictionary<(CheckpointKey Key, long Sequence), byte[]> states,
        List<JobFinding> findings,
        CancellationToken cancellationToken)
    {
        foreach (var stored in await hashes.ListHashesAsync(execution, new SequenceRange(items[0].Sequence, items[^1].Sequence), cancellationToken))
        {
            var key = new CheckpointKey(execution, stored.Namespace, stored.Id);
            if (states.TryGetValue((key, stored.Sequence), out var state) && !state.AsSpan().SequenceEqual(stored.StateSha256.Span))
            {
                findings.Add(new JobFinding("damaged", $"{key}", $"The state is not what was archived: its SHA-256 is {Convert.ToHexStringLower(state)}."));
            }
        }
    }

    private readonly record struct Suspect(CheckpointKey Key, bool IsMisplaced);

    /// <summary>What is kept of a checkpoint while its execution is compared, of all of which there may be many.</summary>
    private readonly record struct Entry(long Sequence, UInt128 High, UInt128 Low)
    {
        public static Entry Of(Checkpoint checkpoint, byte[] stateHash)
        {
            var buffer = new ArrayBufferWriter<byte>();
            using (var writer = new Utf8JsonWriter(buffer))
            {
                writer.WriteStartArray();
                writer.WriteBase64StringValue(stateHash);
                writer.WriteStringValue(checkpoint.ParentId);
                writer.WriteStringValue(checkpoint.NodeName);
                writer.WriteNumberValue(checkpoint.Version);
                writer.WriteStringValue(checkpoint.ContentType);
                writer.WriteNumberValue(checkpoint.CreatedAt.UtcTicks);
                writer.WriteStringValue(checkpoint.Metadata is { } metadata ? CanonicalJson.Of(metadata) : null);
                writer.WriteEndArray();
            }

            var hash = SHA256.HashData(buffer.WrittenSpan);
            return new Entry(checkpoint.Sequence, BinaryPrimitives.ReadUInt128BigEndian(hash), BinaryPrimitives.ReadUInt128BigEndian(hash.AsSpan(16)));
        }
    }
}
