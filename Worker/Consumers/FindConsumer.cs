using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Reading;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Archiving;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using MassTransit;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Consumers;

/// <summary>Answers the reads that Redis could not.</summary>
internal sealed class FindConsumer(ICheckpointArchive archive, ArchiveState state, SequenceClock clock, Answers answers, ILogger<FindConsumer> logger)
    : IConsumer<FindCheckpoints>, IConsumer<FindExecutions>
{
    // An answer is one message; a page ends before it gets larger than the largest state.
    private const long MaxAnswerBytes = 16 * 1024 * 1024;

    public Task Consume(ConsumeContext<FindCheckpoints> context) => AnswerAsync(context, async request =>
    {
        WireFormat.RequireReadable(request.SchemaVersion);
        var query = new CheckpointQuery
        {
            ExecutionId = request.ExecutionId,
            Namespace = request.HasNamespace ? request.Namespace : null,
            ParentId = request.HasParentId ? request.ParentId : null,
            NodeName = request.HasNodeName ? request.NodeName : null,
            Metadata = CheckpointCodec.ParseMetadata(request.MetadataJson),
            AfterSequence = request.HasAfterSequence ? request.AfterSequence : null,
            BeforeSequence = request.HasBeforeSequence ? request.BeforeSequence : null,
            Limit = request.Limit,
            OldestFirst = request.OldestFirst,
            IncludeState = request.IncludeState,
        };
        CheckpointLimits.Validate(query);
        ListPosition? after = request.After is { } position ? new ListPosition(position.Sequence, position.Namespace, position.Id) : null;
        var page = await archive.FindAsync(query, request.HasId ? request.Id : null, after, MaxAnswerBytes, context.CancellationToken);
        var answer = new CheckpointsFound { SchemaVersion = WireFormat.SchemaVersion, HasMore = page.HasMore };
        answer.Items.AddRange(page.Items.Select(checkpoint => new FoundCheckpoint
        {
            Sequence = checkpoint.Sequence,
            Record = UnsafeByteOperations.UnsafeWrap(CheckpointCodec.Encode(checkpoint).Record),
        }));
        return answer;
    });

    public Task Consume(ConsumeContext<FindExecutions> context) => AnswerAsync(context, async request =>
    {
        WireFormat.RequireReadable(request.SchemaVersion);
        CheckpointLimits.ValidateText(request.Prefix, nameof(request.Prefix), minimum: 0);
        CheckpointLimits.ValidateText(request.Contains, nameof(request.Contains), minimum: 0);
        CheckpointLimits.ValidateText(request.After, nameof(request.After), minimum: 0);
        var limit = request.Limit is >= 1 and <= CheckpointQuery.MaxLimit
            ? request.Limit
            : throw new ArgumentException($"Limit is {request.Limit}; 1 to {CheckpointQuery.MaxLimit} are allowed.", nameof(context));
        var after = request.After.Length > 0 ? request.After : null;
        ExecutionsFound answer;
        if (request.Contains.Length > 0)
        {
            var hits = await ExecutionSearch.FindAsync(
                (after, limit) => archive.FindExecutionsAsync(request.Prefix, after, limit, context.CancellationToken), request.Contains, after, limit);
            answer = new ExecutionsFound { HasMore = hits.End is not null, LookedUpTo = hits.End ?? "" };
            answer.ExecutionIds.AddRange(hits.Ids);
        }
        else
        {
            var found = await archive.FindExecutionsAsync(request.Prefix, after, limit + 1, context.CancellationToken);
            answer = new ExecutionsFound { HasMore = found.Count > limit };
            answer.ExecutionIds.AddRange(found.Take(limit));
        }

        (answer.SchemaVersion, answer.SequenceNow) = (WireFormat.SchemaVersion, clock.Next());
        return answer;
    });

    private async Task AnswerAsync<TRequest, TAnswer>(ConsumeContext<TRequest> context, Func<TRequest, Task<TAnswer>> find)
        where TRequest : class
        where TAnswer : class
    {
        try
        {
            await state.WhenMigrated.WaitAsync(context.CancellationToken);
            await answers.SendAsync(context, await find(context.Message));
        }
        catch (Exception e) when (!context.CancellationToken.IsCancellationRequested)
        {
            var isTransient = TransientErrors.IsTransient(e);
            Log.ReadFailed(logger, isTransient, e);

            // A driver's text may name addresses and users, which callers that may only read have no business with.
            var reason = e is ArgumentException or CheckpointException ? e.Message : $"{e.GetType().Name}; the worker's log says more.";
            await answers.SendAsync(context, new RequestFailed { SchemaVersion = WireFormat.SchemaVersion, Reason = reason, IsTransient = isTransient });
        }
    }
}
