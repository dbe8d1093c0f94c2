namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>A span as a collector gets it.</summary>
internal sealed record OtlpSpan(
    string TraceId, string SpanId, string ParentId, string Name, IReadOnlyDictionary<string, string> Tags, IReadOnlyList<(string TraceId, string SpanId)> Links);
