using System.Runtime.CompilerServices;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Retention;

/// <summary>
/// Deletes by rules, as a client would: each deletion is a tombstone at the checkpoint's own sequence, so a late message
/// does not bring it back and a newer save of the same id is not touched; events tell of it, and the outbox brings it to
/// Redis. The rules are applied from the newest of a stream on, so done again after a kill they choose the same.
/// </summary>
internal sealed class RetentionJob(ICheckpointArchive archive, IOptions<RetentionOptions> options) : IJobKind
{
    private const int MaxExecutionsInStep = 1000;

    // Small: on PostgreSQL a deletion has the execution to itself until its transaction ends.
    private const int DeleteSize = 100;

    public string Kind => "retention";

    public void Validate(JsonElement arguments)
    {
        var parsed = JobJson.Arguments<RetentionArguments>(arguments);
        CheckpointLimits.ValidateText(parsed.ExecutionPrefix ?? "", nameof(parsed.ExecutionPrefix), minimum: 0);
        var rules = parsed.Rules ?? options.Value.Rules;
        if (rules.Count == 0)
        {
            throw new ArgumentException("There is no rule, neither in the arguments nor in the configuration (Retention:Rules).", nameof(parsed.Rules));
        }

        if (RetentionRules.Check(rules, "rules").FirstOrDefault() is { } problem)
        {
            throw new ArgumentException(problem, nameof(parsed.Rules));
        }
    }

    public async IAsyncEnumerable<JobStep> RunAsync(JobContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Validate(context.Arguments);
        var arguments = JobJson.Arguments<RetentionArguments>(context.Arguments);
        var rules = new RetentionRules(arguments.Rules ?? options.Value.Rules);
        await using var source = new ArchiveSource(archive, isOwned: false);
        var scope = new ScanArguments { ExecutionPrefix = arguments.ExecutionPrefix ?? "" };
        var cursor = JobJson.Read<RetentionCursor>(context.Cursor);
        var total = cursor is null ? await source.CountAsync(scope, cancellationToken) : null;
        var (done, gone, executions) = (0, 0, 0);
        await foreach (var execution in SourceScan.ExecutionsAsync(source, scope, cursor?.Execution, cursor is { Position: not null }, cancellationToken))
        {
            executions++;
            if (rules.Of(execution) is { } rule)
            {
                var state = execution == cursor?.Execution && cursor.Position is not null ? cursor : new RetentionCursor(execution, null, []);
                do
                {
                    var (passed, victims, next) = await LookAsync(source, rule, state, context, cancellationToken);
                    gone += arguments.DryRun ? victims.Count : await DeleteAsync(victims, cancellationToken);
                    done += passed;
                    state = next;
                    if (done >= context.BatchSize || executions >= MaxExecutionsInStep)
                    {
                        yield return StepOf(state);
                        (done, gone, executions) = (0, 0, 0);
                    }
                }
                while (state.Position is not null);
            }

            cursor = new RetentionCursor(execution, null, []);
        }

        if (cursor is not null)
        {
            yield return StepOf(cursor);
        }

        JobStep StepOf(RetentionCursor at) => new(JobJson.Write(at), done)
        {
            Total = total,
            Counts = [(arguments.DryRun ? "wouldDelete" : "deleted", gone)],
        };
    }

    // Newest first: how many of each namespace came before is all that a rule has to know.
    private static async Task<(int Passed, List<Checkpoint> Victims, RetentionCursor Next)> LookAsync(
        ArchiveSource source, RetentionRule rule, RetentionCursor state, JobContext context, CancellationToken cancellationToken)
    {
        var query = new CheckpointQuery
        {
            ExecutionId = state.Execution,
            Namespace = null,
            IncludeState = false,
            Limit = Math.Min(context.BatchSize, CheckpointQuery.MaxLimit),
        };
        var after = state.Position is { } token ? ListPosition.FromToken(token) : (ListPosition?)null;
        var page = await source.FindAsync(query, after, long.MaxValue, cancellationToken);
        var kept = new Dictionary<string, int>(state.Kept);
        var victims = new List<Checkpoint>();
        var oldest = rule.MaxAge is { } age ? CheckpointCodec.ToMicroseconds(context.CreatedAt) - (age.Ticks / TimeSpan.TicksPerMicrosecond) : long.MaxValue;
        foreach (var checkpoint in page.Items)
        {
            var newer = kept.GetValueOrDefault(checkpoint.Namespace);
            if (newer < (rule.KeepLast ?? 1) || checkpoint.Sequence >= oldest)
            {
                kept[checkpoint.Namespace] = newer + 1;
            }
            else
            {
                victims.Add(checkpoint);
            }
        }

        if (state.Position is not null)
        {
            await SpareNewestAsync(source, rule, state.Execution, victims, cancellationToken);
        }

        var next = page.HasMore ? new RetentionCursor(state.Execution, page.Last!.Value.ToToken(), kept) : new RetentionCursor(state.Execution, null, []);
        return (page.Items.Count, victims, next);
    }

    // Those that were counted on an earlier page may be deleted by now, and what came behind them is the newest then.
    private static async Task SpareNewestAsync(
        ArchiveSource source, RetentionRule rule, string execution, List<Checkpoint> victims, CancellationToken cancellationToken)
    {
        foreach (var (ns, oldest) in victims.GroupBy(victim => victim.Namespace, (ns, some) => (ns, some.Min(victim => victim.Sequence))).ToList())
        {
            var (left, hasMore) = (rule.KeepLast ?? 1, true);
            ListPosition? after = null;
            while (left > 0 && hasMore && (after is not { } end || end.Sequence >= oldest))
            {
                var query = new CheckpointQuery { ExecutionId = execution, Namespace = ns, IncludeState = false, Limit = Math.Min(left, CheckpointQuery.MaxLimit) };
                var page = await source.FindAsync(query, after, long.MaxValue, cancellationToken);
                var newest = page.Items.Select(item => item.Key).ToHashSet();
                victims.RemoveAll(victim => newest.Contains(victim.Key));
                (left, hasMore, after) = (left - page.Items.Count, page.HasMore, page.Last);
            }
        }
    }

    private async Task<int> DeleteAsync(List<Checkpoint> victims, CancellationToken cancellationToken)
    {
        var deleted = 0;
        foreach (var part in victims.Chunk(DeleteSize))
        {
            var tombstones = part.Select(victim => new Tombstone(victim.ExecutionId, victim.Namespace, victim.Id, victim.Sequence, Uncached: true)).ToList();
            var commit = await archive.CommitAsync(new ArchiveBatch([new ArchiveCommand(null, [], tombstones)], []), cancellationToken);
            deleted += commit.Deleted;
        }

        return deleted;
    }

    private sealed record RetentionCursor(string Execution, string? Position, Dictionary<string, int> Kept);
}
