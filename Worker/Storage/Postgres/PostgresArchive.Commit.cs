using System.Runtime.InteropServices;
using System.Text;
using AsyncCheckpoints.Contracts;
using Npgsql;
using NpgsqlTypes;

namespace AsyncCheckpoints.Worker.Storage.Postgres;

internal sealed partial class PostgresArchive
{
    private const int Buckets = 64;

    // A large execution takes its time, and to begin anew would take as long again.
    private static readonly TimeSpan DeletionTimeout = TimeSpan.FromMinutes(15);

    // PostgreSQL counts microseconds from 2000; sent as they are, the first and last moment do not turn into infinity.
    private static readonly long PostgresEpoch = CheckpointCodec.ToMicroseconds(new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero));

    /// <inheritdoc />
    public async Task<ArchiveCommit> CommitAsync(ArchiveBatch batch, CancellationToken cancellationToken)
    {
        var plan = new CommitPlan(batch.Commands);
        if (plan.Tombstones.Count > 0 || plan.Rivals)
        {
            return await CommitInStepsAsync(batch, plan, cancellationToken);
        }

        // One round trip. Without BEGIN: up to its end the batch is one transaction, and not even a COMMIT is sent.
        await using var commands = _source.CreateBatch();
        if (plan.Saves.Count > 0)
        {
            commands.BatchCommands.Add(Locks(plan));
        }

        var hasMain = plan.Saves.Count > 0 || plan.CommandIds.Count > 0;
        if (hasMain)
        {
            commands.BatchCommands.Add(Save(plan, plan.CommandIds, [], []));
        }

        AddDeadLetters(commands, batch.DeadLetters);
        if (commands.BatchCommands.Count == 0)
        {
            return default;
        }

        await using var reader = await commands.ExecuteReaderAsync(cancellationToken);
        if (plan.Saves.Count > 0)
        {
            await reader.NextResultAsync(cancellationToken);
        }

        var (fresh, saved) = hasMain ? await ReadCountsAsync(reader, cancellationToken) : (0, 0);
        await DrainAsync(reader, cancellationToken);
        return new ArchiveCommit(saved, 0, plan.CommandCount - fresh);
    }

    private static async Task<(int Fresh, int Saved)> ReadCountsAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken);
        return ((int)reader.GetInt64(0), (int)reader.GetInt64(1));
    }

    // An error of a later statement shows only when its result is asked for.
    private static async Task DrainAsync(NpgsqlDataReader reader, CancellationToken cancellationToken)
    {
        while (await reader.NextResultAsync(cancellationToken))
        {
        }
    }

    // Deletions and rivals are rare, so they may take three round trips: which commands are new decides which tombstones
    // and saves apply, and the saves' statement needs a snapshot behind the tombstones.
    private async Task<ArchiveCommit> CommitInStepsAsync(ArchiveBatch batch, CommitPlan all, CancellationToken cancellationToken)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var fresh = new HashSet<string>(StringComparer.Ordinal);
        await using (var first = new NpgsqlBatch(connection))
        {
            first.BatchCommands.Add(Locks(all));
            first.BatchCommands.Add(new NpgsqlBatchCommand(_sql.InboxAdd) { Parameters = { Texts(all.CommandIds) } });
            await using var reader = await first.ExecuteReaderAsync(cancellationToken);
            await reader.NextResultAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                fresh.Add(reader.GetString(0));
            }
        }

        // Remove: of a command that is twice in the batch only the first counts.
        var freshCount = fresh.Count;
        var plan = new CommitPlan([.. batch.Commands.Where(c => c.CommandId is null || fresh.Remove(c.CommandId))]);
        var (deleted, changes) = await ApplyTombstonesAsync(connection, plan.Tombstones, cancellationToken);
        var uncached = plan.Tombstones.Where(t => t.Uncached).Select(CommitPlan.ChangeOf).ToArray();
        var saved = 0;
        await using (var last = new NpgsqlBatch(connection))
        {
            last.BatchCommands.Add(Save(plan, null, changes, uncached));
            AddDeadLetters(last, batch.DeadLetters);
            await using var reader = await last.ExecuteReaderAsync(cancellationToken);
            (_, saved) = await ReadCountsAsync(reader, cancellationToken);
            await DrainAsync(reader, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return new ArchiveCommit(saved, deleted, all.CommandCount - freshCount);
    }

    private async Task<(int Deleted, List<OutboxChange> Changes)> ApplyTombstonesAsync(
        NpgsqlConnection connection, List<Tombstone> tombstones, CancellationToken cancellationToken)
    {
        var changes = new List<OutboxChange>();
        var deleted = 0;
        if (tombstones.Count > 0)
        {
            await using var command = new NpgsqlCommand(_sql.TombstoneApply, connection)
            {
                CommandTimeout = (int)DeletionTimeout.TotalSeconds,
                Parameters =
                {
                    Texts(tombstones.Select(t => t.ExecutionId)),
                    Parameter(tombstones.Select(t => (short)CommitPlan.ScopeOf(t)).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Smallint),
                    Texts(tombstones.Select(t => t.Namespace ?? "")),
                    Texts(tombstones.Select(t => t.Id ?? "")),
                    Parameter(tombstones.Select(t => t.Sequence).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint),
                },
            };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                deleted = (int)reader.GetInt64(2);
                if (reader.GetBoolean(1))
                {
                    changes.Add(CommitPlan.ChangeOf(tombstones[(int)reader.GetInt64(0) - 1]));
                }
            }
        }

        return (deleted, changes);
    }

    private NpgsqlBatchCommand Locks(CommitPlan plan)
    {
        var buckets = new SortedDictionary<long, bool>();
        foreach (var planned in plan.Saves)
        {
            buckets[Bucket(planned.Save.Checkpoint.ExecutionId)] = false;
        }

        foreach (var tombstone in plan.Tombstones)
        {
            buckets[Bucket(tombstone.ExecutionId)] = true;
        }

        var command = new NpgsqlBatchCommand(plan.Tombstones.Count > 0 ? _sql.LockMixed : _sql.LockShared);
        command.Parameters.Add(Parameter(buckets.Keys.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bigint));
        if (plan.Tombstones.Count > 0)
        {
            command.Parameters.Add(Parameter(buckets.Values.ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Boolean));
        }

        return command;
    }

    // FNV-1a: the same in every process and version.
    private long Bucket(string executionId)
    {
        var hash = 2166136261u;
        foreach (var c in executionId)
        {
            hash = (hash ^ c) * 16777619u;
        }

        return _lockBase + (hash % Buckets);
    }

    /// <param name="plan">What to save.</param>
    /// <param name="commandIds">Ids for the inbox; null: all commands of the plan are known to be new.</param>
    /// <param name="deletions">What was deleted before, for the events.</param>
    /// <param name="uncachedDeletions">What is to be deleted in the cache.</param>
    private NpgsqlBatchCommand Save(
        CommitPlan plan, IReadOnlyList<string>? commandIds, IReadOnlyList<OutboxChange> deletions, IReadOnlyList<OutboxChange> uncachedDeletions)
    {
        var saves = plan.Saves;
        var count = saves.Count;
        string?[] command = new string?[count], parent = new string?[count];
        string[] execution = new string[count], ns = new string[count], id = new string[count], node = new string[count], contentType = new string[count];
        long[] sequence = new long[count], version = new long[count], createdAt = new long[count];
        ReadOnlyMemory<byte>[] hash = new ReadOnlyMemory<byte>[count], state = new ReadOnlyMemory<byte>[count];
        var metadata = new string?[count];
        for (var i = 0; i < count; i++)
        {
            var (save, commandId, _) = saves[i];
            var checkpoint = save.Checkpoint;
            command[i] = commandIds is null ? null : commandId;
            execution[i] = checkpoint.ExecutionId;
            ns[i] = checkpoint.Namespace;
            id[i] = checkpoint.Id;
            sequence[i] = checkpoint.Sequence;
            version[i] = checkpoint.Version;
            createdAt[i] = CheckpointCodec.ToMicroseconds(checkpoint.CreatedAt) - PostgresEpoch;
            parent[i] = checkpoint.ParentId;
            node[i] = checkpoint.NodeName;
            contentType[i] = checkpoint.ContentType;
            hash[i] = save.StateSha256;
            metadata[i] = checkpoint.Metadata is { } element ? Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(element)) : null;
            state[i] = checkpoint.State;
        }

        const NpgsqlDbType texts = NpgsqlDbType.Array | NpgsqlDbType.Text, numbers = NpgsqlDbType.Array | NpgsqlDbType.Bigint;
        var uncached = plan.Uncached;
        return new NpgsqlBatchCommand(_sql.Save)
        {
            Parameters =
            {
                Texts(commandIds ?? []),
                Parameter(command, texts),
                Parameter(execution, texts),
                Parameter(ns, texts),
                Parameter(id, texts),
                Parameter(sequence, numbers),
                Parameter(version, numbers),
                Parameter(createdAt, NpgsqlDbType.Array | NpgsqlDbType.TimestampTz),
                Parameter(parent, texts),
                Parameter(node, texts),
                Parameter(contentType, texts),
                Parameter(hash, NpgsqlDbType.Array | NpgsqlDbType.Bytea),
                Parameter(metadata, NpgsqlDbType.Array | NpgsqlDbType.Jsonb),
                Parameter(state, NpgsqlDbType.Array | NpgsqlDbType.Bytea),
                Texts(uncached.Select(u => commandIds is null ? null : u.CommandId)),
                Texts(uncached.Select(u => u.Save.Checkpoint.ExecutionId)),
                Texts(uncached.Select(u => u.Save.Checkpoint.Namespace)),
                Texts(uncached.Select(u => u.Save.Checkpoint.Id)),
                Parameter(uncached.Select(u => u.Save.Checkpoint.Sequence).ToArray(), numbers),
                Parameter(OutboxChanges.ToJson(deletions), NpgsqlDbType.Json),
                Parameter(OutboxChanges.ToJson(uncachedDeletions), NpgsqlDbType.Json),
            },
        };
    }

    private void AddDeadLetters(NpgsqlBatch batch, IReadOnlyList<DeadLetter> letters)
    {
        if (letters.Count > 0)
        {
            var sorted = letters.OrderBy(letter => letter.Id, StringComparer.Ordinal).ToArray();
            batch.BatchCommands.Add(new NpgsqlBatchCommand(_sql.DeadLetterAdd)
            {
                Parameters =
                {
                    Texts(sorted.Select(letter => DeadLetterText.Clean(letter.Id))),
                    Texts(sorted.Select(letter => DeadLetterText.Clean(letter.Reason))),
                    Texts(sorted.Select(letter => DeadLetterText.Clean(letter.ContentType))),
                    Parameter(sorted.Select(letter => letter.Body).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Bytea),
                    Texts(sorted.Select(letter => DeadLetterText.Clean(letter.ExecutionId))),
                },
            });
        }
    }
}
