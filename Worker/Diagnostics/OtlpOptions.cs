namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>
/// Where traces, metrics and logs go. Configuration section: <c>Otlp</c>; the variables <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>,
/// <c>OTEL_EXPORTER_OTLP_PROTOCOL</c> and <c>OTEL_EXPORTER_OTLP_HEADERS</c> count as well.
/// </summary>
public sealed class OtlpOptions
{
    /// <summary>The collector's base address, such as http://127.0.0.1:4318. Without one nothing is exported.</summary>
    /// <value>The default value is <see langword="null"/>.</value>
    public string? Endpoint { get; set; }

    /// <summary>"http/protobuf" or "grpc".</summary>
    /// <value>The default value is "http/protobuf".</value>
    public string Protocol { get; set; } = OtlpOptionsValidator.Http;

    /// <summary>The share of traces that is recorded where the application has not decided; 0 to 1.</summary>
    /// <value>The default value is 1.</value>
    [System.ComponentModel.DataAnnotations.Range(0.0, 1.0)]
    public double SampleRatio { get; set; } = 1;

    /// <summary>The pause between two exports of metrics.</summary>
    /// <value>The default value is 30 seconds.</value>
    [System.ComponentModel.DataAnnotations.Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan MetricInterval { get; set; } = TimeSpan.FromSeconds(30);
}
