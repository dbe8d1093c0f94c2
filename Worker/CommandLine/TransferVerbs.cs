using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Worker.Jobs.Export;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>Verbs that carry checkpoints over the API: export, import.</summary>
internal static class TransferVerbs
{
    public static Command Export()
    {
        var file = new Argument<FileInfo?>("file") { Description = "Where to; the standard output without. Compressed when it ends in .gz.", Arity = ArgumentArity.ZeroOrOne };
        var (url, execution, prefix, json) = (SharedOptions.Url(), SharedOptions.Execution(), SharedOptions.Prefix(), SharedOptions.Json());
        var command = new Command("export", "Write checkpoints as JSON Lines, oldest first. (A job of kind export, or GET /export, reads the archive alone, takes filters, and leaves out what is saved meanwhile.)")
        {
            file, url, execution, prefix, json,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var worker = new WorkerClient(result.GetValue(url)!);
            var target = result.GetValue(file);
            var isJson = result.GetValue(json);

            // Without a file the terminal shows the checkpoints themselves.
            var count = await TransferProgress.RunAsync("export", isJson, Terminal.IsInteractive && target is not null, progress => OutputFile.WriteAsync(target, async stream =>
            {
                // The file is its owner's to close.
                await using var gzip = target?.Name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) is true
                    ? new GZipStream(stream, CompressionLevel.Fastest, leaveOpen: true)
                    : null;
                var output = gzip ?? stream;
                await foreach (var id in ExecutionsAsync(worker, result.GetValue(execution), result.GetValue(prefix), cancellationToken))
                {
                    var path = $"{WorkerClient.PathOf(id)}/checkpoints?allNamespaces=true&order=oldest&includeState=true";
                    await foreach (var item in worker.ListAsync(path, 100, int.MaxValue, cancellationToken))
                    {
                        await output.WriteAsync(Encoding.UTF8.GetBytes(item.GetRawText() + "\n"), cancellationToken);
                        progress.Add();
                    }
                }

                if (gzip is not null && progress.Count == 0)
                {
                    await stream.WriteAsync(EmptyGzip.Member, cancellationToken);
                }
            }));

            if (!isJson)
            {
                await Console.Error.WriteLineAsync($"exported {count} checkpoints");
            }
            else if (target is not null)
            {
                Terminal.WriteJson(new { exported = count });
            }

            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Import()
    {
        var file = new Argument<FileInfo?>("file") { Description = "JSON Lines, also compressed; the standard input without.", Arity = ArgumentArity.ZeroOrOne };
        var (url, json) = (SharedOptions.Url(), SharedOptions.Json());
        var command = new Command("import", "Save checkpoints from JSON Lines, in the file's order, as new saves. (A job of kind backfill keeps their sequences.)") { file, url, json };
        command.SetAction(async (result, cancellationToken) =>
        {
            using var worker = new WorkerClient(result.GetValue(url)!);
            var source = result.GetValue(file);
            var isInteractive = Terminal.IsInteractive && (source is not null || Console.IsInputRedirected);
            var count = await TransferProgress.RunAsync("import", result.GetValue(json), isInteractive, progress => ImportAsync(worker, source, progress, cancellationToken));
            if (result.GetValue(json))
            {
                Terminal.WriteJson(new { imported = count });
            }
            else
            {
                Terminal.WriteColumns("imported", count);
            }

            return ExitCodes.Done;
        });
        return command;
    }

    private static async Task ImportAsync(WorkerClient worker, FileInfo? file, TransferProgress progress, CancellationToken cancellationToken)
    {
        await using var source = OpenRead(file);
        using var reader = new StreamReader(file?.Name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) is true ? new GZipStream(source, CompressionMode.Decompress) : source);
        try
        {
            // A read of a pipe does not listen to the token.
            while (await reader.ReadLineAsync(cancellationToken).AsTask().WaitAsync(cancellationToken) is { } line)
            {
                if (line.Length > 0)
                {
                    await SaveAsync(worker, line, progress.Count + 1, cancellationToken);
                    progress.Add(source is { CanSeek: true, Length: > 0 } ? (double)source.Position / source.Length : null);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(ExitCodes.Cancelled, $"Cancelled. {progress.Count} lines were imported.");
        }
    }

    private static async IAsyncEnumerable<string> ExecutionsAsync(
        WorkerClient worker, string? one, string? prefix, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (one is not null)
        {
            yield return one;
            yield break;
        }

        await foreach (var item in worker.ListAsync($"executions?prefix={Uri.EscapeDataString(prefix ?? "")}", 1000, int.MaxValue, cancellationToken))
        {
            yield return item.GetString()!;
        }
    }

    private static async Task SaveAsync(WorkerClient worker, string line, long number, CancellationToken cancellationToken)
    {
        JsonElement item;
        try
        {
            item = JsonElement.Parse(line);
            var query = new StringBuilder(WorkerClient.PathOf(item.GetProperty("executionId").GetString()!, item.GetProperty("id").GetString()!, Text("namespace") ?? ""));
            Add("parentId", Text("parentId"));
            Add("node", Text("node"));
            Add("version", item.TryGetProperty("version", out var version) ? version.GetInt64().ToString(CultureInfo.InvariantCulture) : null);
            Add("createdAt", item.TryGetProperty("createdAt", out var time) ? time.GetDateTimeOffset().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture) : null);
            using var request = new HttpRequestMessage(HttpMethod.Put, "");
            request.Content = new ByteArrayContent(item.GetProperty("state").GetBytesFromBase64());
            // Not parsed: any text is a content type here, and it is kept as it is.
            request.Content.Headers.TryAddWithoutValidation("Content-Type", Text("contentType") ?? "application/octet-stream");
            if (item.TryGetProperty("metadata", out var metadata) && metadata.ValueKind != JsonValueKind.Null)
            {
                request.Headers.Add("Checkpoint-Metadata", JsonSerializer.Serialize(metadata));
            }

            request.RequestUri = new Uri(query.ToString(), UriKind.Relative);
            (await worker.SendAsync(request, cancellationToken)).Dispose();

            void Add(string name, string? value)
            {
                if (!string.IsNullOrEmpty(value))
                {
                    query.Append(CultureInfo.InvariantCulture, $"&{name}={Uri.EscapeDataString(value)}");
                }
            }

            string? Text(string name) => item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            throw new CommandException(ExitCodes.Failed, $"Line {number} is not a checkpoint: {e.Message} {number - 1} lines were imported.");
        }
        catch (CommandException e)
        {
            throw new CommandException(e.ExitCode, $"Line {number} was not saved: {e.Message} {number - 1} lines were imported.");
        }
    }

    private static Stream OpenRead(FileInfo? file)
    {
        if (file is null)
        {
            return Console.OpenStandardInput();
        }

        return file.Exists
            ? file.OpenRead()
            : throw new CommandException(ExitCodes.NotFound, $"There is no file '{file.Name}'.");
    }
}
