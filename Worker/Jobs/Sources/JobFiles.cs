using System.IO.Compression;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>The files that jobs read and write: all in one folder, whatever a request says.</summary>
internal sealed class JobFiles(IOptions<JobOptions> jobs, IOptions<WorkerOptions> worker)
{
    private static ReadOnlySpan<byte> GzipMagic => [0x1F, 0x8B];

    /// <summary>The folder.</summary>
    public string Folder { get; } =
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(jobs.Value.Path ?? Path.Combine(worker.Value.DataPath, "jobs")));

    /// <summary>The full path of a file in the folder.</summary>
    /// <param name="path">Relative to it.</param>
    /// <exception cref="ArgumentException">It is outside.</exception>
    public string Resolve(string? path)
    {
        if (string.IsNullOrWhiteSpace(path) || path.Length > 255 || path.Any(char.IsControl) || Path.IsPathRooted(path)
            || path.Split('/', '\\').Any(part => part is "" or "." or "..")
            || !Path.GetFullPath(path, Folder).StartsWith(Folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw new ArgumentException($"path is '{path}'; the name of a file below the folder of jobs (Jobs:Path) is allowed.", nameof(path));
        }

        return Path.GetFullPath(path, Folder);
    }

    /// <summary>The full paths of the files in the folder and below it, apart from what the worker may not read.</summary>
    /// <param name="pattern">Their names, with * and ?.</param>
    public IEnumerable<string> Find(string pattern) => Directory.Exists(Folder)
        ? Directory.EnumerateFiles(Folder, pattern, new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true, AttributesToSkip = 0 })
        : [];

    /// <summary>Opens a file to read, unpacked where it is gzip.</summary>
    /// <param name="path">Relative to the folder.</param>
    public Stream OpenRead(string path)
    {
        var full = Resolve(path);
        if (!File.Exists(full))
        {
            throw new JobFailedException($"There is no file '{path}' in the folder of jobs.");
        }

        var file = new FileStream(full, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 64 * 1024, useAsync: true);
        Span<byte> magic = stackalloc byte[2];
        var isGzip = file.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2 && magic.SequenceEqual(GzipMagic);
        file.Position = 0;
        return isGzip ? new GZipStream(file, CompressionMode.Decompress) : file;
    }
}
