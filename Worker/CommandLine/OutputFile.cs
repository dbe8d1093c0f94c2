namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>A file that takes the place of the one before only when all of it is written.</summary>
internal static class OutputFile
{
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
        if (file.Exists ? file.Length == 0 : output.LinkTarget is not null)
        {
            // Nothing to lose. Devices and pipes are empty or such links, and nothing may take their place.
            await using var stream = output.Open(FileMode.Create, FileAccess.Write);
            await write(stream);
            return;
        }

        await ReplaceAsync(file, write);
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
