namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>Event ids 2700 to 2799.</summary>
internal static partial class Log
{
    [LoggerMessage(2700, LogLevel.Debug, "The metric {Metric} could not be renewed and will be tried again")]
    public static partial void NotSampled(ILogger logger, string metric, Exception exception);

    [LoggerMessage(2701, LogLevel.Warning, "Some instruments failed when they were asked; /metrics lacks them")]
    public static partial void InstrumentsFailed(ILogger logger, Exception exception);

    [LoggerMessage(2702, LogLevel.Warning, "The metric {Metric} has more than {Limit} combinations of tags; the rest is summed up under otel_metric_overflow")]
    public static partial void TooManySeries(ILogger logger, string metric, int limit);

    [LoggerMessage(2703, LogLevel.Information, "Exporting traces, metrics and logs by OTLP ({Protocol})")]
    public static partial void Exporting(ILogger logger, string protocol);

    [LoggerMessage(2704, LogLevel.Critical, "Stopping: the consumer is lost, nobody has restarted this process, and a new one will consume")]
    public static partial void StoppingToRestart(ILogger logger);
}
