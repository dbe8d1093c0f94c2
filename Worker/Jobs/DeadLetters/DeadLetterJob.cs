using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.DeadLetters;

/// <summary>Retries dead letters, or discards them, from the oldest on. What cannot be retried stays, and is a finding.</summary>
internal abstract class DeadLetterJob(IJobStore store) : IJobKind
{
    private const int PageSize = 100;

    public abstract string Kind { get; }

    public void Validate(JsonElement arguments)
    {
        var parsed = JobJson.Arguments<DeadLetterArguments>(arguments);
        if (parsed is { Ids: null or [], Reason: null or "", Execution: null, All: false })
        {
            throw new ArgumentException("Arguments choose no dead letter; ids, reason, execution or all are allowed.", nameof(arguments));
        }

        if (parsed.Execution is { } execution)
        {
            CheckpointLimits.ValidateId(execution, nameof(parsed.Execution));
        }
    }

    public async IAsyncEnumerable<JobStep> RunAsync(JobContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var arguments = JobJson.Arguments<DeadLetterArguments>(context.Arguments);
        var last = context.Cursor is { } cursor ? long.Parse(cursor, CultureInfo.InvariantCulture) : 0;
        var total = context.Cursor is null ? arguments.Ids?.Count ?? (await store.GetStatsAsync(cancellationToken)).DeadLetters : (long?)null;
        while (true)
        {
            var page = await store.ListDeadLettersAfterAsync(last, Math.Min(PageSize, context.BatchSize), cancellationToken);
            if (page.Count == 0)
            {
                yield break;
            }

            var (passed, handled, findings) = (0, 0, new List<JobFinding>());
            foreach (var letter in page)
            {
                last = letter.RowId;
                if (!IsWanted(arguments, letter))
                {
                    passed += arguments.Ids is null ? 1 : 0;
                    continue;
                }

                passed++;
                if (await HandleAsync(letter, cancellationToken) is { } reason)
                {
                    findings.Add(new JobFinding("stays", $"{letter.RowId}", reason));
                }
                else
                {
                    handled++;
                }
            }

            yield return new JobStep(last.ToString(CultureInfo.InvariantCulture), passed)
            {
                Total = total,
                Counts = [(Past, handled), ("stays", findings.Count)],
                Findings = findings,
            };
        }
    }

    /// <summary>What has been done to a letter.</summary>
    protected abstract string Past { get; }

    /// <summary>Handles one.</summary>
    /// <returns>Why it stays; null when it is gone.</returns>
    protected abstract Task<string?> HandleAsync(StoredDeadLetter letter, CancellationToken cancellationToken);

    private static bool IsWanted(DeadLetterArguments arguments, StoredDeadLetter letter) =>
        (arguments.Ids is null || arguments.Ids.Contains(letter.RowId))
        && (arguments.Reason is null || letter.Letter.Reason.Contains(arguments.Reason, StringComparison.OrdinalIgnoreCase))
        && (arguments.Execution is null || letter.Letter.ExecutionId == arguments.Execution);
}
