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

    /// <summary>The processor time it has taken.</summary>
    /// <param name="id">The process.</param>
    public static TimeSpan ProcessorTime(int id)
    {
        var text = File.ReadAllText($"/proc/{id}/stat");
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return TimeSpan.FromSeconds((Number(fields[11]) + Number(fields[12])) / TicksPerSecond);
    }

    /// <summary>Its parent; 0 when it has gone.</summary>
    /// <param name="id">The process.</param>
    public static int ParentOf(int id) => (int)Value(id, "PPid:");

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
