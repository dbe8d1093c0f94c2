using System.Diagnostics;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>A folder on a disk of its own that is soon full: a tmpfs, which takes root.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    /// <summary>Mounts it.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="size">As mount takes it, such as 3m.</param>
    /// <returns>The disk; null where it cannot be mounted, which is said on the console: the test cannot be made.</returns>
    public static async Task<SmallDisk?> TryMountAsync(string folder, string size)
    {
        if (await RunAsync("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder) == 0)
        {
            return new SmallDisk(folder);
        }

        Console.WriteLine("A tmpfs cannot be mounted here (it takes root): nothing was tested with a full disk.");
        return null;
    }

    public async Task ResizeAsync(string size)
    {
        if (await RunAsync("mount", "-o", $"remount,size={size}", _folder) is not 0 and var code)
        {
            throw new InvalidOperationException($"mount ended with {code}.");
        }
    }

    public async ValueTask DisposeAsync() => await RunAsync("umount", "-l", _folder);

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
