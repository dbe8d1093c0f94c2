using System.ComponentModel;
using System.Diagnostics;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>A folder on a disk of its own that is soon full: a tmpfs. Where one can be mounted, <see cref="SmallDiskFactAttribute"/> has found out.</summary>
internal sealed class SmallDisk : IAsyncDisposable
{
    private static readonly Lazy<bool> Mountable = new(TryMount);
    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    /// <summary>Whether one can be mounted here. It takes root, and in a container that may not be enough: tried once.</summary>
    public static bool IsMountable => Mountable.Value;

    /// <summary>Mounts it.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="size">As mount takes it, such as 3m.</param>
    /// <exception cref="InvalidOperationException">It cannot be mounted.</exception>
    public static async Task<SmallDisk> MountAsync(string folder, string size)
    {
        await RunAsync("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", folder);
        return new SmallDisk(folder);
    }

    public Task ResizeAsync(string size) => RunAsync("mount", "-o", $"remount,size={size}", _folder);

    public async ValueTask DisposeAsync() => await RunAsync("umount", "-l", _folder);

    private static bool TryMount()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return false;
        }

        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-mount-");
        try
        {
            return Run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.FullName) && Run("umount", "-l", folder.FullName);
        }
        catch (Win32Exception)
        {
            // There is no such program.
            return false;
        }
        finally
        {
            folder.Delete();
        }
    }

    // Attributes cannot await.
    private static bool Run(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Start(program, arguments);
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {error}");
        }
    }

    private static Process Start(string program, string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
}
