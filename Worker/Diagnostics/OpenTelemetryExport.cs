using AsyncCheckpoints.Diagnostics;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>
/// Sends traces and metrics to a collector, when one is configured. Starts before what is watched and stops after it, so
/// that the last spans go out too. A collector that is away costs nothing but those spans.
/// </summary>
internal sealed class OpenTelemetryExport(IOptions<OtlpOptions> options, ILogger<OpenTelemetryExport> logger) : IHostedService, IDisposable
{
    private readonly OtlpOptions _options = options.Value;
    private TracerProvider? _traces;
    private MeterProvider? _metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(_options.Endpoint))
        {
            return Task.CompletedTask;
        }

        var resource = ResourceBuilder.CreateDefault();
        if (Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME") is null or "")
        {
            resource.AddService("asynccheckpoints-worker", serviceVersion: typeof(OpenTelemetryExport).Assembly.GetName().Version?.ToString(3));
        }

        _traces = Sdk.CreateTracerProviderBuilder()
            .SetResourceBuilder(resource)
            .AddSource(CheckpointMetrics.Name, "MassTransit", "Npgsql")
            .SetSampler(new ParentBasedSampler(new TraceIdRatioBasedSampler(_options.SampleRatio)))
            .AddOtlpExporter(exporter => Configure(exporter, "v1/traces"))
            .Build();
        _metrics = Sdk.CreateMeterProviderBuilder()
            .SetResourceBuilder(resource)
            .AddMeter([.. MetricCollector.Meters])
            .AddOtlpExporter((exporter, reader) =>
            {
                Configure(exporter, "v1/metrics");
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)_options.MetricInterval.TotalMilliseconds;
            })
            .Build();
        Log.Exporting(logger, _options.Protocol);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        // Each sends what it has, and gives up after five seconds.
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private void Configure(OtlpExporterOptions exporter, string path)
    {
        var isHttp = _options.Protocol == OtlpOptionsValidator.Http;
        exporter.Protocol = isHttp ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        exporter.Endpoint = isHttp ? new Uri($"{_options.Endpoint!.TrimEnd('/')}/{path}") : new Uri(_options.Endpoint!);
    }
}
