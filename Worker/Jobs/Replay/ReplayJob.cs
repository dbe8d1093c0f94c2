using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Messaging;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Outbox;
using AsyncCheckpoints.Worker.Storage;
using Google.Protobuf;
using WireFormat = AsyncCheckpoints.Contracts.WireFormat;

namespace AsyncCheckpoints.Worker.Jobs.Replay;

/// <summary>
/// Re-sends archived checkpoints. To the cache: idempotent by sequence. As events: with the ids that they had. To a queue
/// or exchange: as commands whose id derives from the job and their content, so a worker at the other end that sees one
/// twice ignores the second, and the sequences do so too; what another job sends again it looks at again.
/// </summary>
internal sealed class ReplayJob(ICheckpointArchive archive, ICheckpointBus bus, CacheWarming warming, ReplaySender sender) : IJobKind
{
    private const string Cache = "cache";
    private const string Events = "events";

    // A message to a queue stays small, as those of clients do.
    private const int MaxMessageItems = 100;

    // Of a channel that is lost at a bad moment MassTransit (8.4) may wait for ever.
    private static readonly TimeSpan PublishTimeout = TimeSpan.FromSeconds(30);

    public string Kind => "replay";

    public void Validate(JsonElement arguments)
    {
        var parsed = JobJson.Arguments<ReplayArguments>(arguments);
        parsed.Validate();
        if (parsed.To is not (Cache or Events) && !ReplaySender.IsAddress(parsed.To))
        {
            throw new ArgumentException($"to is '{parsed.To}'; cache, events, queue:name and exchange:name are allowed.", nameof(ReplayArguments.To));
        }

        if (parsed is { To: Cache, SavedBefore: not null })
        {
            throw new ArgumentException("savedBefore does not work with cache, which holds the newest part of a stream; savedFrom is allowed.", nameof(ScanArguments.SavedBefore));
        }
    }

    public IAsyncEnumerable<JobStep> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        var arguments = JobJson.Arguments<ReplayArguments>(context.Arguments);
        return arguments.To == Cache ? warming.RunAsync(context, arguments, cancellationToken) : SendAsync(context, arguments, cancellationToken);
    }

    private async IAsyncEnumerable<JobStep> SendAsync(
        JobContext context, ReplayArguments arguments, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var source = new ArchiveSource(archive, isOwned: false);
        var isEvents = arguments.To == Events;
        var total = context.Cursor is null ? await source.CountAsync(arguments, cancellationToken) : null;

        // What is saved meanwhile goes its own way.
        var scan = new SourceScan(source, arguments.Until(context.CreatedAt), includeState: !isEvents);
        await using var channel = isEvents ? null : await sender.OpenAsync(arguments.To!, cancellationToken);
        await foreach (var batch in scan.ReadAsync(JobJson.Read<ScanCursor>(context.Cursor), context.BatchSize, cancellationToken))
        {
            // Sent together: one wait for the broker's confirms, not one for each.
            await Task.WhenAll(batch.Items.Chunk(MaxMessageItems).Select(part => channel is null
                ? bus.Publish(EventPublisher.EventsOf([.. part.Select(CommitPlan.ChangeOf)]), cancellationToken).WaitAsync(PublishTimeout, cancellationToken)
                : channel.SendAsync(CommandsOf(context.JobId, part), cancellationToken)));
            yield return new JobStep(JobJson.Write(batch.Cursor), batch.Items.Count) { Total = total, Counts = [("sent", batch.Items.Count)], Findings = batch.Problems };
        }
    }

    private static CheckpointCommands CommandsOf(string jobId, Checkpoint[] checkpoints)
    {
        var content = new StringBuilder(jobId).Append('\n');
        var message = new CheckpointCommands { SchemaVersion = WireFormat.SchemaVersion };
        foreach (var checkpoint in checkpoints)
        {
            content.Append(checkpoint.Key).Append('\u001F').Append(checkpoint.Sequence).Append('\n');
            message.Saves.Add(new SaveCheckpoint
            {
                Sequence = checkpoint.Sequence,
                Record = UnsafeByteOperations.UnsafeWrap(CheckpointCodec.Encode(checkpoint).Record),
            });
        }

        message.CommandId = $"replay:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content.ToString())))}";
        return message;
    }
}
