using System.Collections.Concurrent;
using System.Net;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>A collector that keeps what it is sent: OTLP by HTTP (protobuf), or by gRPC.</summary>
internal sealed class OtlpCollector : IAsyncDisposable
{
    private readonly WebApplication _app;

    private OtlpCollector(WebApplication app) => _app = app;

    public string Address => _app.Urls.Single();

    public ConcurrentBag<OtlpSpan> Spans { get; } = [];

    public ConcurrentBag<string> Metrics { get; } = [];

    public ConcurrentBag<OtlpLog> Logs { get; } = [];

    public static async Task<OtlpCollector> StartAsync(bool isGrpc = false)
    {
        var builder = WebApplication.CreateSlimBuilder();

        // Without TLS one port speaks one version of HTTP; gRPC needs the second.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            IPAddress.Loopback, 0, listener => listener.Protocols = isGrpc ? HttpProtocols.Http2 : HttpProtocols.Http1));
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var collector = new OtlpCollector(app);
        app.MapPost("/v1/traces", async (HttpRequest request) => collector.AddSpans(await ReadAsync(request)));
        app.MapPost("/v1/metrics", async (HttpRequest request) => collector.AddMetrics(await ReadAsync(request)));
        app.MapPost("/v1/logs", async (HttpRequest request) => collector.AddLogs(await ReadAsync(request)));
        app.MapPost("/opentelemetry.proto.collector.trace.v1.TraceService/Export", context => AnswerAsync(context, collector.AddSpans));
        app.MapPost("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", context => AnswerAsync(context, collector.AddMetrics));
        app.MapPost("/opentelemetry.proto.collector.logs.v1.LogsService/Export", context => AnswerAsync(context, collector.AddLogs));
        await app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: a flag and the length in front of each message.
    private static async Task AnswerAsync(HttpContext context, Action<byte[]> add)
    {
        const int prefix = 5;
        var message = await ReadAsync(context.Request);
        add(message[prefix..]);
        context.Response.ContentType = "application/grpc";
        await context.Response.Body.WriteAsync(new byte[prefix]);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    private static async Task<byte[]> ReadAsync(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        return body.ToArray();
    }

    // ExportTraceServiceRequest.resource_spans (1) → scope_spans (2) → spans (2).
    private void AddSpans(byte[] request)
    {
        foreach (var span in Fields(request, 1).SelectMany(resource => Fields(resource, 2)).SelectMany(scope => Fields(scope, 2)))
        {
            Spans.Add(new OtlpSpan(
                Hex(Fields(span, 1).Single()),
                Hex(Fields(span, 2).Single()),
                Fields(span, 4).Select(Hex).FirstOrDefault() ?? "",
                Text(Fields(span, 5).Single()),
                Fields(span, 9).ToDictionary(one => Text(Fields(one, 1).Single()), one => Fields(Fields(one, 2).Single(), 1).Select(Text).FirstOrDefault() ?? ""),
                [.. Fields(span, 13).Select(link => (Hex(Fields(link, 1).Single()), Hex(Fields(link, 2).Single())))]));
        }
    }

    // ExportMetricsServiceRequest.resource_metrics (1) → scope_metrics (2) → metrics (2) → name (1).
    private void AddMetrics(byte[] request)
    {
        foreach (var metric in Fields(request, 1).SelectMany(resource => Fields(resource, 2)).SelectMany(scope => Fields(scope, 2)))
        {
            Metrics.Add(Text(Fields(metric, 1).Single()));
        }
    }

    // ExportLogsServiceRequest.resource_logs (1) → scope_logs (2) → scope (1) and log_records (2).
    private void AddLogs(byte[] request)
    {
        foreach (var scope in Fields(request, 1).SelectMany(resource => Fields(resource, 2)))
        {
            var category = Text(Fields(Fields(scope, 1).Single(), 1).Single());
            foreach (var log in Fields(scope, 2))
            {
                Logs.Add(new OtlpLog(
                    category,
                    Text(Fields(log, 3).Single()),
                    Text(Fields(Fields(log, 5).Single(), 1).Single()),
                    Fields(log, 12).Select(Text).FirstOrDefault() ?? "",
                    Fields(log, 6).ToDictionary(one => Text(Fields(one, 1).Single()), one => Value(Fields(one, 2).Single())),
                    Fields(log, 9).Select(Hex).FirstOrDefault() ?? "",
                    Fields(log, 10).Select(Hex).FirstOrDefault() ?? ""));
            }
        }
    }

    /// <summary>An AnyValue: string_value (1) or int_value (3).</summary>
    private static string Value(byte[] value) => Fields(value, 1).Select(Text).Concat(Numbers(value, 3)).FirstOrDefault() ?? "";

    /// <summary>The fields of a message that have a length and this number.</summary>
    private static List<byte[]> Fields(byte[] message, int number) =>
        Read(message, number, WireFormat.WireType.LengthDelimited, input => input.ReadBytes().ToByteArray());

    private static List<string> Numbers(byte[] message, int number) => Read(message, number, WireFormat.WireType.Varint, input => $"{input.ReadInt64()}");

    private static List<T> Read<T>(byte[] message, int number, WireFormat.WireType type, Func<CodedInputStream, T> read)
    {
        var found = new List<T>();
        var input = new CodedInputStream(message);
        while (input.ReadTag() is not 0 and var tag)
        {
            if (WireFormat.GetTagFieldNumber(tag) == number && WireFormat.GetTagWireType(tag) == type)
            {
                found.Add(read(input));
            }
            else
            {
                input.SkipLastField();
            }
        }

        return found;
    }

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);

    private static string Text(byte[] bytes) => System.Text.Encoding.UTF8.GetString(bytes);
}
