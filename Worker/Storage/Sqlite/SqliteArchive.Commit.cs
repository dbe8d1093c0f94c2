using System.Runtime.InteropServices;
using System.Text;
using AsyncCheckpoints.Contracts;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.Storage.Sqlite;

internal sealed partial class SqliteArchive
{
    // A machine without a battery may wake up years behind. A sequence beyond that is damage, and must not spread.
    private const long MaxLead = 20L * 366 * 86_400_000_000;

    /// <inheritdoc />
    public async Task<ArchiveCommit> CommitAsync(ArchiveBatch batch, CancellationToken cancellationToken)
    {
        if (batch.Commands.Count == 0 && batch.DeadLetters.Count == 0)
        {
            return default;
        }

        var commit = await _connections.WriteAsync((transaction, prepare) => Commit(batch, transaction, prepare, cancellationToken), cancellationToken);
        Interlocked.Add(ref _written, commit.Archived);
        return commit;
    }

    private ArchiveCommit Commit(
        ArchiveBatch batch, SqliteTransaction transaction, SqliteConnections.Prepare prepare, CancellationToken cancellationToken)
    {
        var now = Now;
        var inbox = prepare(_sql.InboxAdd);
        var fresh = batch.Commands.Where(c => c.CommandId is null || inbox.Execute(transaction, c.CommandId, TimeOf(c, now)) > 0).ToArray();
        var plan = new CommitPlan(fresh);
        var events = new List<OutboxChange>();
        var cache = new List<OutboxChange>();
        var deleted = 0;
        foreach (var tombstone in plan.Tombstones)
        {
            // Before any of them deletes: each that covers something is an event, whichever comes first.
            if (prepare(_sql.Holds[CommitPlan.ScopeOf(tombstone)]).Number(
                transaction, tombstone.ExecutionId, tombstone.Namespace, tombstone.Id, tombstone.Sequence) > 0)
            {
                events.Add(CommitPlan.ChangeOf(tombstone));
            }

            if (tombstone.Uncached)
            {
                cache.Add(CommitPlan.ChangeOf(tombstone));
            }
        }

        foreach (var tombstone in plan.Tombstones)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var scope = CommitPlan.ScopeOf(tombstone);
            prepare(_sql.TombstoneAdd).Execute(
                transaction, tombstone.ExecutionId, (long)scope, tombstone.Namespace ?? "", tombstone.Id ?? "", tombstone.Sequence, now);
            deleted += prepare(_sql.Delete[scope]).Execute(
                transaction, tombstone.ExecutionId, tombstone.Namespace, tombstone.Id, tombstone.Sequence);
        }

        var archived = 0;
        foreach (var planned in plan.Saves)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Save(planned.Save, now, transaction, prepare))
            {
                archived++;
                events.Add(CommitPlan.ChangeOf(planned.Save.Checkpoint));
            }
        }

        foreach (var checkpoint in plan.Uncached.Select(planned => planned.Save.Checkpoint))
        {
            var isCovered = prepare(_sql.IsCovered).Number(
                transaction, checkpoint.ExecutionId, checkpoint.Namespace, checkpoint.Id, checkpoint.Sequence) > 0;
            if (!isCovered)
            {
                cache.Add(CommitPlan.ChangeOf(checkpoint));
            }
        }

        AddToOutbox(OutboxKind.Events, events, now, transaction, prepare);
        AddToOutbox(OutboxKind.Cache, cache, now, transaction, prepare);
        foreach (var letter in batch.DeadLetters)
        {
            prepare(_sql.DeadLetterAdd).Execute(
                transaction,
                DeadLetterText.Clean(letter.Id),
                DeadLetterText.Clean(letter.Reason),
                DeadLetterText.Clean(letter.ContentType),
                letter.Body,
                DeadLetterText.Clean(letter.ExecutionId),
                now);
        }

        return new ArchiveCommit(archived, deleted, batch.Commands.Count - fresh.Length);
    }

    /// <summary>
    /// Sequences that are ahead of the clock tell the time: it was set back, and goes on from there at the next start.
    /// </summary>
    private static long TimeOf(ArchiveCommand command, long now)
    {
        var newest = Math.Max(
            command.Saves.Select(save => save.Checkpoint.Sequence).DefaultIfEmpty().Max(),
            command.Tombstones.Select(tombstone => tombstone.Sequence).DefaultIfEmpty().Max());
        return newest > now && newest - now < MaxLead ? newest : now;
    }

    private bool Save(ArchiveSave save, long now, SqliteTransaction transaction, SqliteConnections.Prepare prepare)
    {
        var checkpoint = save.Checkpoint;
        return prepare(_sql.Save).Execute(
            transaction,
            checkpoint.ExecutionId,
            checkpoint.Namespace,
            checkpoint.Id,
            checkpoint.Sequence,
            checkpoint.Version,
            CheckpointCodec.ToMicroseconds(checkpoint.CreatedAt),
            now,
            checkpoint.ParentId,
            checkpoint.NodeName,
            checkpoint.ContentType,
            save.StateSha256,
            checkpoint.Metadata is { } metadata ? Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(metadata)) : null,
            checkpoint.State) > 0;
    }

    private void AddToOutbox(
        OutboxKind kind, List<OutboxChange> changes, long now, SqliteTransaction transaction, SqliteConnections.Prepare prepare)
    {
        if (changes.Count > 0)
        {
            prepare(_sql.OutboxAdd).Execute(transaction, (long)kind, OutboxChanges.ToJson(changes), now);
        }
    }
}
