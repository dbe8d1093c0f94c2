using System.Buffers;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Worker.Jobs.Export;

/// <summary>
/// Writes checkpoints as JSON Lines to <c>path.part</c>, which gets its name when it is complete. Each step is on the
/// disk before its position is stored; one that goes on cuts off what came after that. Compressed, each step is a gzip
/// member of its own, and members one behind the other are a valid file. <see cref="ExportLeftovers"/> removes the parts
/// of jobs that never complete.
/// </summary>
internal sealed class ExportJob(ICheckpointArchive archive, JobFiles files) : IJobKind
{
    /// <summary>How the names of unfinished files end.</summary>
    public const string PartExtension = ".part";

    public string Kind => "export";

    public void Validate(JsonElement arguments)
    {
        var parsed = JobJson.Arguments<ExportArguments>(arguments);
        parsed.Validate();
        files.Resolve(parsed.Path);
    }

    public async IAsyncEnumerable<JobStep> RunAsync(JobContext context, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var arguments = JobJson.Arguments<ExportArguments>(context.Arguments);
        var path = files.Resolve(arguments.Path);
        var part = $"{path}.{context.JobId}{PartExtension}";
        var cursor = JobJson.Read<ExportCursor>(context.Cursor);
        if (cursor is { IsComplete: true })
        {
            Complete(part, path);
            yield break;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await using var source = new ArchiveSource(archive, isOwned: false);
        var total = cursor is null ? await source.CountAsync(arguments, cancellationToken) : null;
        var isGzip = arguments.Gzip ?? path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);
        await using (var file = Open(part, cursor?.Length ?? 0))
        {
            // What is saved meanwhile would move to the end of its stream, and be read twice.
            var scan = new SourceScan(source, arguments.Until(context.Start), includeState: true);
            await foreach (var batch in scan.ReadAsync(cursor?.Scan, context.BatchSize, cancellationToken))
            {
                await WriteAsync(file, batch.Items, isGzip, cancellationToken);
                file.Flush(flushToDisk: true);
                cursor = new ExportCursor(batch.Cursor, file.Length, false);
                yield return new JobStep(JobJson.Write(cursor), batch.Items.Count) { Total = total, Counts = [("lines", batch.Items.Count)], Findings = batch.Problems };
            }

            if (isGzip && file.Length == 0)
            {
                await file.WriteAsync(EmptyGzip.Member, cancellationToken);
                file.Flush(flushToDisk: true);
            }
        }

        yield return new JobStep(JobJson.Write(new ExportCursor(cursor?.Scan, cursor?.Length ?? 0, true)), 0);
        Complete(part, path);
    }

    // Alone: a second runner, whose predecessor lost its lease and has not noticed yet, has to try again.
    private static FileStream Open(string part, long length)
    {
        if (length > 0 && (!File.Exists(part) || new FileInfo(part).Length < length))
        {
            throw new JobFailedException("The unfinished file of this export is gone, or shorter than it was; start the export anew.");
        }

        var file = new FileStream(part, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 64 * 1024, useAsync: true);
        file.SetLength(length);
        file.Position = length;
        return file;
    }

    private static async Task WriteAsync(FileStream file, IReadOnlyList<Checkpoint> checkpoints, bool isGzip, CancellationToken cancellationToken)
    {
        if (checkpoints.Count == 0)
        {
            return;
        }

        var buffer = new ArrayBufferWriter<byte>();
        Stream target = isGzip ? new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true) : file;
        try
        {
            foreach (var checkpoint in checkpoints)
            {
                CheckpointLine.Write(buffer, checkpoint);
                await target.WriteAsync(buffer.WrittenMemory, cancellationToken);
                buffer.ResetWrittenCount();
            }
        }
        finally
        {
            if (isGzip)
            {
                await target.DisposeAsync();
            }
        }
    }

    // Done before, when the kill came behind it.
    private static void Complete(string part, string path)
    {
        if (File.Exists(part))
        {
            File.Move(part, path, overwrite: true);
        }
    }

    private sealed record ExportCursor(ScanCursor? Scan, long Length, bool IsComplete);
}
