namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>The processor time that each part has taken so far: who works for a save, and how long.</summary>
internal sealed class ProcessorTimes
{
    private readonly Dictionary<string, TimeSpan> _byMetric;

    private ProcessorTimes(Dictionary<string, TimeSpan> byMetric) => _byMetric = byMetric;

    /// <summary>Reads them.</summary>
    /// <param name="lab">The servers.</param>
    /// <param name="worker">The worker's process, if there is one.</param>
    public static ProcessorTimes Read(Lab lab, int? worker = null)
    {
        var postmaster = lab.ProcessOf("postgres");
        var times = new Dictionary<string, TimeSpan>
        {
            [Metric.ClientCpu] = ProcessMemory.ProcessorTime(Environment.ProcessId),
            [Metric.RedisCpu] = ProcessMemory.ProcessorTime(lab.ProcessOf("redis")),
            [Metric.RabbitCpu] = ProcessMemory.ProcessorTime(lab.ProcessOf("rabbitmq")),
            [Metric.PostgresCpu] = ProcessMemory.ChildrenOf(postmaster).Append(postmaster)
                .Aggregate(TimeSpan.Zero, (sum, process) => sum + ProcessMemory.ProcessorTime(process)),
        };
        if (worker is { } id)
        {
            times.Add(Metric.WorkerCpu, ProcessMemory.ProcessorTime(id));
        }

        return new ProcessorTimes(times);
    }

    /// <summary>Adds to a sample what each part has taken since then.</summary>
    /// <param name="before">An earlier reading.</param>
    /// <param name="operations">The operations since then.</param>
    /// <param name="sample">The sample.</param>
    public void AddTo(Sample sample, ProcessorTimes before, long operations)
    {
        foreach (var (metric, time) in _byMetric)
        {
            sample.With(metric, (time - before._byMetric[metric]).TotalMicroseconds / operations);
        }
    }
}
