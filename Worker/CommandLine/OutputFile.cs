namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>A file that takes the place of the one before only when all of it is written.</summary>
internal static class OutputFile
{
    // Some devices have a position, as files do.
    private static readonly string[] SpecialFolders = ["/dev/", "/proc/", "/sys/"];

    /// <summary>Writes a file.</summary>
    /// <param name="output">The file; null: the standard output.</param>
    /// <param name="write">Writes its content.</param>
    public static async Task WriteAsync(FileInfo? output, Func<Stream, Task> write)
    {
        if (output is null)
        {
            await using var console = Console.OpenStandardOutput();
            await write(console);
            return;
        }

        var file = output.LinkTarget is null ? output : (FileInfo)output.ResolveLinkTarget(returnFinalTarget: true)!;
        if (OpenSpecial(output, file) is { } special)
        {
            await using (special)
            {
                await write(special);
            }

            return;
        }

        await ReplaceAsync(file, write);
    }

    /// <summary>
    /// Devices and pipes are written to: nothing may take their place. A pipe without a name is behind a link that leads
    /// nowhere, and opens by that link only; the others count as empty.
    /// </summary>
    private static FileStream? OpenSpecial(FileInfo output, FileInfo file)
    {
        if (!file.Exists)
        {
            return output.LinkTarget is null ? null : output.Open(FileMode.Create, FileAccess.Write);
        }

        if (file.Length > 0)
        {
            return null;
        }

        // Opened once: the reader of a pipe takes its closing for the end.
        var stream = file.Open(FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        if (!stream.CanSeek || SpecialFolders.Any(folder => file.FullName.StartsWith(folder, StringComparison.Ordinal)))
        {
            return stream;
        }

        stream.Dispose();
        return null;
    }

    private static async Task ReplaceAsync(FileInfo file, Func<Stream, Task> write)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (file.Exists && !OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = file.UnixFileMode;
        }

        var part = new FileInfo($"{file.FullName}.{Guid.NewGuid():N}.part");
        try
        {
            await using (var stream = part.Open(options))
            {
                await write(stream);
                stream.Flush(flushToDisk: true);
            }

            part.MoveTo(file.FullName, overwrite: true);
        }
        catch
        {
            File.Delete(part.FullName);
            throw;
        }
    }
}
