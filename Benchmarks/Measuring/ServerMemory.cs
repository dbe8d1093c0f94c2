namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>The peak memory of the servers and of this process; that of workers is in the measures.</summary>
internal static class ServerMemory
{
    /// <summary>Reads it.</summary>
    /// <param name="lab">The servers.</param>
    public static IReadOnlyList<(string Process, double Megabytes)> Read(Lab lab)
    {
        var redis = ProcessMemory.PeakMegabytes(lab.ProcessOf("redis"));
        var rabbit = ProcessMemory.PeakMegabytes(lab.ProcessOf("rabbitmq"));

        // A backend's own memory beside the buffers that all of them share.
        var backends = ProcessMemory.ChildrenOf(lab.ProcessOf("postgres")).Select(ProcessMemory.PeakMegabytes).DefaultIfEmpty();
        return
        [
            ("Redis", redis),
            ("RabbitMQ", rabbit),
            ("PostgreSQL, largest process of the last connections, shared buffers included", backends.Max()),
            ("benchmark with clients and peers", ProcessMemory.PeakMegabytes(Environment.ProcessId)),
        ];
    }
}
