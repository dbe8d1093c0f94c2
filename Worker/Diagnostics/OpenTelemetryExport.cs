using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>
/// Sends traces, metrics and logs to a collector, when one is configured. Starts before what is watched and stops after it,
/// so that the last spans go out too. A collector that is away costs nothing but what it would have got.
/// </summary>
internal sealed class OpenTelemetryExport(IOptions<OtlpOptions> options, ILoggerFactory loggers, ILogger<OpenTelemetryExport> logger) : IHostedService, IDisposable
{
    // The name of an event is always sent, its number only on request.
    private const string SendEventIds = "OTEL_DOTNET_EXPERIMENTAL_OTLP_EMIT_EVENT_LOG_ATTRIBUTES";

    private readonly OtlpOptions _options = options.Value;
    private TracerProvider? _traces;
    private MeterProvider? _metrics;
    private ServiceProvider? _logs;

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
            .AddSource(CheckpointTelemetry.Name, "MassTransit", "Npgsql")
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
        _logs = CreateLogs(resource);
        loggers.AddProvider(_logs.GetRequiredService<ILoggerProvider>());
        Log.Exporting(logger, _options.Protocol);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        // Each sends what it has, and gives up after five seconds.
        _traces?.Dispose();
        _metrics?.Dispose();
        _logs?.Dispose();
    }

    /// <summary>Services of its own: only a container makes the provider, and the host's is complete by now.</summary>
    private ServiceProvider CreateLogs(ResourceBuilder resource)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new(SendEventIds, "true")]).AddEnvironmentVariables().Build();
        return new ServiceCollection()
            .AddSingleton<IConfiguration>(configuration)
            .AddLogging(logging => logging.AddOpenTelemetry(logs =>
            {
                logs.IncludeFormattedMessage = true;
                logs.SetResourceBuilder(resource).AddOtlpExporter(exporter => Configure(exporter, "v1/logs"));
            }))
            .BuildServiceProvider();
    }

    private void Configure(OtlpExporterOptions exporter, string path)
    {
        var isHttp = _options.Protocol == OtlpOptionsValidator.Http;
        exporter.Protocol = isHttp ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        exporter.Endpoint = isHttp ? new Uri($"{_options.Endpoint!.TrimEnd('/')}/{path}") : new Uri(_options.Endpoint!);
    }
}
