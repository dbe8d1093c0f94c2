using System.Globalization;

namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>What the kernel knows about a process.</summary>
internal static class ProcessMemory
{
    // USER_HZ, the same on every Linux that .NET runs on.
    private const double TicksPerSecond = 100;

    /// <summary>The most that it ever held.</summary>
    /// <param name="id">The process.</param>
    public static double PeakMegabytes(int id) => Field(id, "VmHWM:");

    /// <summary>What it holds now.</summary>
    /// <param name="id">The process.</param>
    public static double Megabytes(int id) => Field(id, "VmRSS:");

    /// <summary>The processor time it has taken, with that of its children that have ended.</summary>
    /// <param name="id">The process; nothing when it has gone.</param>
    public static TimeSpan ProcessorTime(int id)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{id}/stat");
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return TimeSpan.FromSeconds(fields[11..15].Sum(Number) / TicksPerSecond);
        }
        catch (IOException)
        {
            return TimeSpan.Zero;
        }
    }

    /// <summary>The processes that it started and that still run.</summary>
    /// <param name="id">The process.</param>
    public static IEnumerable<int> ChildrenOf(int id) => Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
        .Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture)).Where(child => ParentOf(child) == id);

    private static int ParentOf(int id) => (int)Value(id, "PPid:");

    private static double Field(int id, string name) => Value(id, name) * 1024 / 1e6;

    private static double Value(int id, string name)
    {
        try
        {
            var line = File.ReadLines($"/proc/{id}/status").FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
            return line is null ? 0 : Number(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim());
        }
        catch (IOException)
        {
            // It ended while it was looked at.
            return 0;
        }
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
