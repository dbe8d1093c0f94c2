using System.Security.Cryptography;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>
/// Brings checkpoints whose sequence is fixed into the archive, by the way that every save takes: what is there with the
/// same or a higher sequence stays, what a tombstone covers is discarded. So doing it again changes nothing. Of a stream
/// that Redis holds the newest part comes there, too: it would stay behind the archive for good.
/// </summary>
internal sealed class ArchiveImport(ICheckpointArchive archive, CacheRefill refill, IOptions<CheckpointOptions> options)
{
    /// <summary>The largest state.</summary>
    public int MaxStateBytes => options.Value.MaxStateBytes;

    /// <summary>Archives.</summary>
    /// <param name="checkpoints">The checkpoints.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>How many were inserted or replaced, and what the archive refused.</returns>
    /// <exception cref="CheckpointUnavailableException">Redis cannot be reached; a retry helps.</exception>
    public async Task<(int Archived, IReadOnlyList<JobFinding> Refused)> WriteAsync(IReadOnlyList<Checkpoint> checkpoints, CancellationToken cancellationToken)
    {
        var saves = new List<ArchiveSave>(checkpoints.Count);
        var refused = new List<JobFinding>();
        foreach (var checkpoint in checkpoints)
        {
            if (CheckpointLimits.CheckSequence(checkpoint.Sequence) is { } error)
            {
                refused.Add(new JobFinding("refused", $"{checkpoint.Key}", error));
            }
            else
            {
                saves.Add(new ArchiveSave(checkpoint, SHA256.HashData(checkpoint.State.Span), Uncached: false));
            }
        }

        // Looked up before the commit, which then holds what is to come to Redis.
        var changes = saves.Select(save => CommitPlan.ChangeOf(save.Checkpoint));
        var lacking = (await refill.FindLackingAsync(changes, cancellationToken)).Select(mark => mark.Key).ToHashSet();
        saves = saves.ConvertAll(save => save with { Uncached = lacking.Contains(save.Checkpoint.Key) });
        return (await CommitAsync(saves, refused, cancellationToken), refused);
    }

    /// <summary>Archives deletions: what they cover goes, and does not come.</summary>
    /// <param name="tombstones">The deletions.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public Task DeleteAsync(IReadOnlyList<Tombstone> tombstones, CancellationToken cancellationToken) =>
        archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, [], tombstones)], []), cancellationToken);

    // Halved until what the archive refuses stands alone.
    private async Task<int> CommitAsync(List<ArchiveSave> saves, List<JobFinding> refused, CancellationToken cancellationToken)
    {
        if (saves.Count == 0)
        {
            return 0;
        }

        try
        {
            var commit = await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, saves, [])], []), cancellationToken);
            return commit.Archived;
        }
        catch (Exception e) when (!TransientErrors.IsTransient(e))
        {
            if (saves.Count == 1)
            {
                refused.Add(new JobFinding("refused", $"{saves[0].Checkpoint.Key}", e.Message));
                return 0;
            }

            var half = saves.Count / 2;
            return await CommitAsync(saves[..half], refused, cancellationToken) + await CommitAsync(saves[half..], refused, cancellationToken);
        }
    }
}
