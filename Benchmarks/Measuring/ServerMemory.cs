namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>The peak memory of the servers and of this process; that of workers is in the measures.</summary>
internal static class ServerMemory
{
    /// <summary>Reads it.</summary>
    /// <param name="lab">The servers.</param>
    public static IReadOnlyList<(string Process, double Megabytes)> Read(Lab lab)
    {
        var redis = ProcessMemory.PeakMegabytes(IdOf("redis"));
        var rabbit = ProcessMemory.PeakMegabytes(IdOf("rabbitmq"));

        // A backend's own memory beside the buffers that all of them share.
        var postmaster = IdOf("postgres");
        var backends = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _))
            .Select(name => int.Parse(name!, null)).Where(id => ProcessMemory.ParentOf(id) == postmaster).Select(ProcessMemory.PeakMegabytes).DefaultIfEmpty();
        return
        [
            ("Redis", redis),
            ("RabbitMQ", rabbit),
            ("PostgreSQL, largest process of the last connections, shared buffers included", backends.Max()),
            ("benchmark with clients and peers", ProcessMemory.PeakMegabytes(Environment.ProcessId)),
        ];

        int IdOf(string server) => int.Parse(File.ReadAllText(Path.Combine(lab.Servers.Folder, $"{server}.pid")), null);
    }
}
