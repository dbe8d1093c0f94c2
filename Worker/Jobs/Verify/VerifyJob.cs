using System.Runtime.CompilerServices;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Verify;

/// <summary>
/// Compares the archive with its own checksums, and with the cache or another archive: which checkpoints there are, their
/// order, the SHA-256 of every state, the other fields. What was saved after the job was added (or an earlier moment) does
/// not count, and what differs is looked at again, so saves and deletions may go on. It changes nothing.
/// </summary>
internal sealed class VerifyJob(ICheckpointArchive archive, IJobStore hashes, SourceFactory sources, TimeProvider time) : IJobKind
{
    public string Kind => "verify";

    public void Validate(JsonElement arguments)
    {
        var parsed = JobJson.Arguments<VerifyArguments>(arguments);
        parsed.Validate();
        if ((parsed with { SavedBefore = null }).HasInnerFilter())
        {
            throw new ArgumentException("Whole executions are compared; execution, executionPrefix and savedBefore are allowed.", nameof(arguments));
        }

        if (parsed.Against is { } name)
        {
            sources.Validate(name, isForeignAllowed: false);
        }
    }

    public async IAsyncEnumerable<JobStep> RunAsync(JobContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Validate(context.Arguments);
        var arguments = JobJson.Arguments<VerifyArguments>(context.Arguments);
        await using var left = new ArchiveSource(archive, isOwned: false);
        await using var right = arguments.Against is { } name ? sources.Open(name) : null;
        var total = context.Cursor is null ? await left.CountAsync(arguments, cancellationToken) : null;
        var comparison = new ExecutionComparison(left, right, archive, hashes, CheckpointCodec.ToMicroseconds(arguments.Until(context.CreatedAt).SavedBefore!.Value), time);
        var (done, counts, findings, executions, last) = (0, new Dictionary<string, long>(), new List<JobFinding>(), 0, context.Cursor);
        await foreach (var execution in SourceScan.ExecutionsOfBothAsync(left, right, arguments, context.Cursor, cancellationToken))
        {
            var result = await comparison.CompareAsync(execution, cancellationToken);
            executions++;
            last = execution;
            done += result.Checked;
            findings.AddRange(result.Findings);
            Add(counts, "checked", result.Checked);
            Add(counts, "compared", result.Compared);
            foreach (var finding in result.Findings)
            {
                Add(counts, finding.Kind, 1);
            }

            if (done >= context.BatchSize || executions >= context.BatchSize)
            {
                yield return StepOf();
                (done, counts, findings, executions) = (0, [], [], 0);
            }
        }

        yield return StepOf();

        JobStep StepOf() => new(last, done) { Total = total, Counts = [.. counts.Select(pair => (pair.Key, pair.Value))], Findings = findings };
    }

    private static void Add(Dictionary<string, long> counts, string name, long count) => counts[name] = counts.GetValueOrDefault(name) + count;
}
