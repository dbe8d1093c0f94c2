namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>A line of a log as a collector gets it.</summary>
internal sealed record OtlpLog(
    string Category, string Level, string Message, string EventName, IReadOnlyDictionary<string, string> Tags, string TraceId, string SpanId);
