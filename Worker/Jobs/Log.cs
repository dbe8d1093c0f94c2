namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>Event ids 2500 to 2599.</summary>
internal static partial class Log
{
    [LoggerMessage(2500, LogLevel.Information, "Started job {JobId} ({Kind}), attempt {Attempt}, at {Done} items")]
    public static partial void Started(ILogger logger, string jobId, string kind, int attempt, long done);

    [LoggerMessage(2501, LogLevel.Information, "Ended job {JobId} ({Kind}) as {State} after {Done} items with {Findings} findings in {ElapsedMs} ms")]
    public static partial void Ended(ILogger logger, string jobId, string kind, string state, long done, long findings, double elapsedMs);

    [LoggerMessage(2502, LogLevel.Warning, "Job {JobId} ({Kind}) failed at attempt {Attempt} and will be retried in {DelayMs} ms")]
    public static partial void Failed(ILogger logger, string jobId, string kind, int attempt, double delayMs, Exception exception);

    [LoggerMessage(2503, LogLevel.Error, "Job {JobId} ({Kind}) failed for good")]
    public static partial void Discarded(ILogger logger, string jobId, string kind, Exception exception);

    [LoggerMessage(2504, LogLevel.Warning, "Job {JobId} ({Kind}) is no longer this worker's: its lease ran out")]
    public static partial void Lost(ILogger logger, string jobId, string kind);

    [LoggerMessage(2505, LogLevel.Information, "Added job {JobId} ({Kind})")]
    public static partial void Added(ILogger logger, string jobId, string kind);

    [LoggerMessage(2506, LogLevel.Warning, "The lease of job {JobId} ({Kind}) could not be extended and will be tried again")]
    public static partial void ExtensionFailed(ILogger logger, string jobId, string kind, Exception exception);

    [LoggerMessage(2507, LogLevel.Warning, "The unfinished export {Path} could not be removed and will be tried again")]
    public static partial void LeftoverStays(ILogger logger, string path, Exception exception);
}
