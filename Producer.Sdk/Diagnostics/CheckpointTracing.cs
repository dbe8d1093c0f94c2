using System.Diagnostics;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Diagnostics;

/// <summary>
/// The spans, on the activity source "AsyncCheckpoints": checkpoint.save, checkpoint.send, checkpoint.archive,
/// checkpoint.deliver. Batches link to the saves in them, by the trace context that each command carries. Callers ask
/// <see cref="IsOn"/> first; nothing is done or allocated while nobody listens.
/// </summary>
internal static class CheckpointTracing
{
    /// <summary>The most links of a span; OpenTelemetry drops what is above that anyway.</summary>
    public const int MaxLinks = 128;

    private static readonly ActivitySource Source = new(CheckpointTelemetry.Name);

    /// <summary>Whether somebody listens.</summary>
    public static bool IsOn => Source.HasListeners();

    /// <summary>A save starts. Its span is the current one until it is disposed.</summary>
    /// <param name="checkpoint">What is saved.</param>
    /// <param name="wanted">The level to reach.</param>
    public static Activity? StartSave(Checkpoint checkpoint, Durability wanted)
    {
        var activity = Source.StartActivity("checkpoint.save", ActivityKind.Producer);
        if (activity is { IsAllDataRequested: true })
        {
            activity.SetTag("asynccheckpoints.execution.id", checkpoint.ExecutionId);
            activity.SetTag("asynccheckpoints.checkpoint.id", checkpoint.Id);
            activity.SetTag("asynccheckpoints.state.size", checkpoint.State.Length);
            activity.SetTag("asynccheckpoints.durability.wanted", CheckpointMetrics.NameOf(wanted));
        }

        return activity;
    }

    /// <summary>
    /// Work on a batch starts: a root with links to the saves, or, when all of them are of one trace, a part of that trace.
    /// </summary>
    /// <param name="name">The span.</param>
    /// <param name="kind">Its kind.</param>
    /// <param name="size">Commands in the batch.</param>
    /// <param name="saves">The saves' contexts.</param>
    public static Activity? StartBatch(string name, ActivityKind kind, int size, IReadOnlyList<ActivityContext> saves)
    {
        // The loop that does this runs for ever in whatever context it was started in.
        Activity.Current = null;
        var isOneTrace = saves.Count > 0 && saves.All(save => save.TraceId == saves[0].TraceId);
        var activity = Source.StartActivity(
            name, kind, isOneTrace ? saves[0] : default, links: saves.Take(MaxLinks).Select(save => new ActivityLink(save)));
        activity?.SetTag("messaging.batch.message_count", size);
        return activity;
    }

    /// <summary>It failed.</summary>
    /// <param name="activity">The span, if there is one.</param>
    /// <param name="exception">Why; only its type is kept, since messages can hold addresses.</param>
    public static void Fail(Activity? activity, Exception exception)
    {
        activity?.SetTag("error.type", exception.GetType().Name);
        activity?.SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>The contexts of the saves in a message; those that carry none are left out.</summary>
    /// <param name="saves">The saves.</param>
    public static IReadOnlyList<ActivityContext> ContextsOf(IEnumerable<SaveCheckpoint> saves) => ContextsOf(saves.Select(save => save.Traceparent));

    /// <summary>The contexts that texts name; those that name none are left out.</summary>
    /// <param name="traceParents">W3C trace contexts.</param>
    public static IReadOnlyList<ActivityContext> ContextsOf(IEnumerable<string> traceParents)
    {
        var contexts = new List<ActivityContext>();
        foreach (var traceParent in traceParents)
        {
            if (traceParent.Length > 0 && ActivityContext.TryParse(traceParent, null, isRemote: true, out var context))
            {
                contexts.Add(context);
            }
        }

        return contexts;
    }
}
