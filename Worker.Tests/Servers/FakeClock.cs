namespace AsyncCheckpoints.Tests.Servers;

/// <summary>
/// The wall clock of another process, set at any time (libfaketime). Its monotonic clock goes on, as when an administrator
/// sets a machine's clock. Where the library is not installed, <see cref="FakeClockFactAttribute"/> has found out.
/// </summary>
internal sealed class FakeClock : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public FakeClock() => Set(TimeSpan.Zero);

    /// <summary>The library; null when it is not installed.</summary>
    public static string? Library { get; } = Directory.Exists("/usr/lib")
        ? Directory.EnumerateDirectories("/usr/lib")
            .Select(folder => Path.Combine(folder, "faketime", "libfaketimeMT.so.1"))
            .FirstOrDefault(File.Exists)
        : null;

    /// <summary>
    /// What a process needs in its environment to go by this clock. Redis brings an allocator that asks for the time before the
    /// library is ready: the C library's comes before it.
    /// </summary>
    public string Environment =>
        $"LD_PRELOAD={Library}:libc.so.6 FAKETIME_TIMESTAMP_FILE={_file} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1";

    /// <summary>Sets it.</summary>
    /// <param name="offset">From the machine's clock, in whole seconds.</param>
    public void Set(TimeSpan offset)
    {
        // In one step: the process reads it at any moment.
        var next = _file + ".new";
        File.WriteAllText(next, $"{(offset < TimeSpan.Zero ? '-' : '+')}{(long)offset.Duration().TotalSeconds}");
        File.Move(next, _file, overwrite: true);
    }

    public void Dispose() => File.Delete(_file);
}
