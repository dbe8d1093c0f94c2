using System.Buffers;
using System.IO.Compression;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Jobs.Export;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Streams checkpoints of the archive as JSON Lines, as a job of kind export writes them: execution by execution, each
/// oldest first, without what is saved after the request. It reads on only as fast as the client does. What ends early, or
/// lacks what cannot be read, ends without the last chunk of HTTP, so that no client takes a part for the whole.
/// </summary>
internal static class ExportEndpoint
{
    private const int BatchSize = 500;
    private const int FlushBytes = 64 * 1024;

    public static async Task ExportAsync(HttpContext context)
    {
        var query = new ApiQuery(context, "execution", "executionPrefix", "namespace", "node", "metadata", "savedFrom", "savedBefore", "gzip");
        var arguments = new ScanArguments
        {
            Execution = query.Text("execution"),
            ExecutionPrefix = query.Text("executionPrefix"),
            Namespace = query.Text("namespace"),
            Node = query.Text("node"),
            Metadata = query.Json("metadata"),
            SavedFrom = query.Time("savedFrom"),
            SavedBefore = query.Time("savedBefore"),
        };
        arguments.Validate();
        var services = context.RequestServices;

        // What is saved meanwhile would move to the end of its stream, and be read twice. Above every sequence seen here.
        arguments = arguments.Until(CheckpointCodec.FromMicroseconds(services.GetRequiredService<SequenceClock>().Next()));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(
            context.RequestAborted, services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        try
        {
            await WriteAsync(context.Response, services.GetRequiredService<ICheckpointArchive>(), arguments, query.Flag("gzip") ?? false, stop.Token);
        }
        catch (OperationCanceledException) when (context.Response.HasStarted)
        {
            context.Abort();
        }
    }

    private static async Task WriteAsync(
        HttpResponse response, ICheckpointArchive archive, ScanArguments arguments, bool isGzip, CancellationToken cancellationToken)
    {
        response.ContentType = isGzip ? "application/gzip" : "application/x-ndjson";

        // Disposed only at the end: that writes the trailer, by which gzip knows that nothing is missing.
        var target = isGzip ? new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true) : response.Body;
        await using var source = new ArchiveSource(archive, isOwned: false);
        var buffer = new ArrayBufferWriter<byte>();
        var isEmpty = true;
        var unreadable = 0;
        JobFinding? first = null;
        await foreach (var batch in new SourceScan(source, arguments, includeState: true).ReadAsync(null, BatchSize, cancellationToken))
        {
            foreach (var checkpoint in batch.Items)
            {
                isEmpty = false;
                CheckpointLine.Write(buffer, checkpoint);
                if (buffer.WrittenCount >= FlushBytes)
                {
                    await FlushAsync();
                }
            }

            await FlushAsync();
            unreadable += batch.Problems.Count;
            first ??= batch.Problems is [var problem, ..] ? problem : null;
        }

        if (first is not null)
        {
            throw new CheckpointFormatException($"{unreadable} checkpoints cannot be read, '{first.Subject}' is the first. A job of kind export leaves them out and lists them.");
        }

        await target.DisposeAsync();
        if (isGzip && isEmpty)
        {
            await response.Body.WriteAsync(EmptyGzip.Member, cancellationToken);
        }

        async Task FlushAsync()
        {
            await target.WriteAsync(buffer.WrittenMemory, cancellationToken);
            buffer.ResetWrittenCount();
        }
    }
}
