using System.Collections.ObjectModel;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>Retries dead letters, or discards them, from the oldest on. What came after the job was asked for is not meant. What cannot be retried stays, and is a finding.</summary>
internal abstract class DeadLetterJob(IJobStore store) : IJobKind
{
    // Their bodies are in memory together.
    private const long MaxPageBytes = 16 * 1024 * 1024;

    public abstract string Kind { get; }

    public void Validate(JsonElement arguments)
    {
        var parsed = JobJson.Arguments<DeadLetterArguments>(arguments);
        if (parsed is { Ids: null or [], Reason: null or "", Execution: null, All: false })
        {
            throw new ArgumentException("Arguments choose no dead letter; ids, reason, execution or all are allowed.", nameof(arguments));
        }

        CheckpointLimits.ValidateText(parsed.Reason ?? "", nameof(parsed.Reason), minimum: 0);
        if (parsed.Execution is { } execution)
        {
            CheckpointLimits.ValidateId(execution, nameof(parsed.Execution));
        }
    }

    public async IAsyncEnumerable<JobStep> RunAsync(JobContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var arguments = JobJson.Arguments<DeadLetterArguments>(context.Arguments);
        var last = context.Cursor is { } cursor ? long.Parse(cursor, CultureInfo.InvariantCulture) : 0;
        var total = context.Cursor is null ? arguments.Ids?.Distinct().Count() ?? (await store.GetStatsAsync(cancellationToken)).DeadLetters : (long?)null;
        var ids = arguments.Ids?.ToHashSet();
        while (await store.ListDeadLettersAfterAsync(last, context.BatchSize, MaxPageBytes, cancellationToken) is { Count: > 0 } page)
        {
            last = page[^1].RowId;
            var wanted = page.Where(letter => letter.CreatedAt <= context.CreatedAt && IsWanted(arguments, ids, letter)).ToList();
            var staying = wanted.Count > 0 ? await HandleAsync(wanted, cancellationToken) : ReadOnlyDictionary<long, string>.Empty;
            yield return new JobStep(last.ToString(CultureInfo.InvariantCulture), ids is null ? page.Count : wanted.Count)
            {
                Total = total,
                Counts = [(Past, wanted.Count - staying.Count), ("stays", staying.Count)],
                Findings = [.. staying.OrderBy(letter => letter.Key).Select(letter => new JobFinding("stays", $"{letter.Key}", letter.Value))],
            };
        }
    }

    /// <summary>What has been done to a letter.</summary>
    protected abstract string Past { get; }

    /// <summary>Handles some.</summary>
    /// <param name="letters">The letters, by row.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <returns>By row, why a letter stays.</returns>
    protected abstract Task<IReadOnlyDictionary<long, string>> HandleAsync(IReadOnlyList<StoredDeadLetter> letters, CancellationToken cancellationToken);

    private static bool IsWanted(DeadLetterArguments arguments, HashSet<long>? ids, StoredDeadLetter letter) =>
        (ids is null || ids.Contains(letter.RowId))
        && (arguments.Reason is null || letter.Letter.Reason.Contains(arguments.Reason, StringComparison.OrdinalIgnoreCase))
        && (arguments.Execution is null || letter.Letter.ExecutionId == arguments.Execution);
}
