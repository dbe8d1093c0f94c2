using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AsyncCheckpoints.Tests.Http.Access;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Http;
using AsyncCheckpoints.Worker.Http.Access;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Jobs.Backfill;
using AsyncCheckpoints.Worker.Jobs.DeadLetters;
using AsyncCheckpoints.Worker.Jobs.Erase;
using AsyncCheckpoints.Worker.Jobs.Export;
using AsyncCheckpoints.Worker.Jobs.Replay;
using AsyncCheckpoints.Worker.Retention;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

/// <summary>What /openapi.json says, compared with what the worker does.</summary>
public sealed class ApiDocumentTests(KeyedHost host) : IClassFixture<KeyedHost>
{
    [Fact]
    public async Task Document_IsValid()
    {
        var (document, diagnostic) = await LoadAsync();
        diagnostic.SpecificationVersion.ShouldBe(OpenApiSpecVersion.OpenApi3_1);
        diagnostic.Errors.ShouldBeEmpty();
        diagnostic.Warnings.ShouldBeEmpty();
        var ids = Operations(document).Select(operation => operation.Operation.OperationId).ToList();
        ids.ShouldAllBe(id => !string.IsNullOrEmpty(id));
        ids.Distinct().Count().ShouldBe(ids.Count);
    }

    [Fact]
    public async Task Document_RefersToWhatIsThereAndHasNothingElse()
    {
        var root = JsonElement.Parse(await host.Http.GetStringAsync("/openapi.json"));
        var components = root.GetProperty("components").EnumerateObject().Where(kind => kind.Name != "securitySchemes")
            .SelectMany(kind => kind.Value.EnumerateObject().Select(component => $"#/components/{kind.Name}/{component.Name}"));
        References(root).Distinct().Order().ShouldBe(components.Order());

        static IEnumerable<string> References(JsonElement element) => element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().SelectMany(p => p.NameEquals("$ref") ? [p.Value.GetString()!] : References(p.Value)),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(References),
            _ => [],
        };
    }

    /// <summary>Pages have no place in it: the dashboard at / and its files.</summary>
    [Fact]
    public async Task Document_HasEveryEndpointAndNoOther()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddCheckpointWorker(builder.Configuration).AddCheckpointApi();
        await using var app = builder.Build();
        app.MapCheckpointWorker();
        var mapped = ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).Cast<RouteEndpoint>()
            .Select(endpoint => (Path: $"/{endpoint.RoutePattern.RawText!.Trim('/')}", Methods: endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods))
            .Where(endpoint => endpoint.Path != "/" && !endpoint.Path.StartsWith("/dashboard/", StringComparison.Ordinal))
            .SelectMany(endpoint => (endpoint.Methods is { Count: > 0 } methods ? methods : ["GET"]).Select(method => $"{method} {endpoint.Path}"));
        Operations((await LoadAsync()).Document).Select(operation => $"{operation.Method} {operation.Path}").Order().ShouldBe(mapped.Order());
    }

    [Fact]
    public async Task Document_HasEveryQueryParameterAndNoOther()
    {
        var (document, _) = await LoadAsync();
        var names = Operations(document).SelectMany(operation => QueryOf(operation.Operation)).Append("nonsense").Distinct().ToList();
        foreach (var (path, method, operation) in Operations(document).Where(operation => RoleOf(operation.Operation) is not null && operation.Path != "/metrics"))
        {
            var known = new List<string>();
            foreach (var name in names)
            {
                // What is known and wrong is named otherwise; where there is no body to say so, the value has to be right.
                var value = method == HttpMethod.Head && name == "format" ? "json" : "%5Bx%5D";
                using var response = await host.SendAsync(method, $"{Concrete(path)}?{name}={value}", ApiRole.Operate);
                var text = await response.Content.ReadAsStringAsync();
                var isUnknown = method == HttpMethod.Head ? response.StatusCode == HttpStatusCode.BadRequest : text.Contains("is not known here", StringComparison.Ordinal);
                if (!isUnknown)
                {
                    known.Add(name);
                }
            }

            known.Order().ShouldBe(QueryOf(operation).Order(), $"{method} {path}");
        }
    }

    [Fact]
    public async Task Document_SaysWhichRoleEachEndpointTakes()
    {
        foreach (var (path, method, operation) in Operations((await LoadAsync()).Document).Where(operation => operation.Path != "/metrics"))
        {
            var least = RoleOf(operation);
            foreach (var role in Enum.GetValues<ApiRole>().Select(role => (ApiRole?)role).Prepend(null))
            {
                using var response = await host.SendAsync(method, Concrete(path), role);
                var expected = least is null || role >= least ? null : role is null ? HttpStatusCode.Unauthorized : (HttpStatusCode?)HttpStatusCode.Forbidden;
                (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? (HttpStatusCode?)response.StatusCode : null)
                    .ShouldBe(expected, $"{method} {path} as {role}");
                operation.Responses!.Keys.ShouldContain($"{(int)response.StatusCode}", $"{method} {path} as {role}");
            }
        }
    }

    public static TheoryData<string, Type> Schemas => new()
    {
        { "Saved", typeof(SaveResponse) },
        { "Deleted", typeof(DeleteResponse) },
        { "Cleared", typeof(ClearResponse) },
        { "Checkpoint", typeof(CheckpointItem) },
        { "Checkpoints", typeof(CheckpointItems) },
        { "Executions", typeof(ExecutionPage) },
        { "Job", typeof(JobItem) },
        { "Jobs", typeof(JobItems) },
        { "Finding", typeof(FindingItem) },
        { "Findings", typeof(FindingItems) },
        { "DeadLetter", typeof(DeadLetterItem) },
        { "DeadLetters", typeof(DeadLetterItems) },
        { "Stats", typeof(StatsResponse) },
        { "History", typeof(HistoryResponse) },
        { "StatsSample", typeof(StatsSample) },
        { "AuditEntry", typeof(AuditItem) },
        { "Audit", typeof(AuditItems) },
        { "JobRequest", typeof(JobRequest) },
        { "BackfillArguments", typeof(BackfillArguments) },
        { "DeadLetterArguments", typeof(DeadLetterArguments) },
        { "EraseArguments", typeof(EraseArguments) },
        { "ExportArguments", typeof(ExportArguments) },
        { "ReplayArguments", typeof(ReplayArguments) },
        { "RetentionArguments", typeof(RetentionArguments) },
        { "RetentionRule", typeof(RetentionRule) },
    };

    [Theory]
    [MemberData(nameof(Schemas))]
    public async Task Schema_HasThePropertiesOfItsType(string name, Type type)
    {
        var (document, _) = await LoadAsync();
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web) { TypeInfoResolver = new DefaultJsonTypeInfoResolver() };
        document.Components!.Schemas![name].Properties!.Keys.Order().ShouldBe(options.GetTypeInfo(type).Properties.Select(property => property.Name).Order());
    }

    [Fact]
    public async Task Jobs_HaveEveryKind()
    {
        var (document, _) = await LoadAsync();
        using var response = await host.SendAsync(HttpMethod.Post, "/jobs", ApiRole.Operate, new StringContent("""{"kind":"?"}""", null, "application/json"));
        var kinds = document.Components!.Schemas!["JobRequest"].Properties!["kind"].Enum!.Select(kind => kind.GetValue<string>()).ToList();
        (await response.Content.ReadAsStringAsync()).ShouldContain($"{string.Join(", ", kinds)} are allowed");
        Operations(document).Single(operation => operation.Operation.OperationId == "listJobs").Operation.Parameters!.Single(parameter => parameter.Name == "kind")
            .Schema!.Enum!.Select(kind => kind.GetValue<string>()).ShouldBe(kinds);
    }

    private static IEnumerable<(string Path, HttpMethod Method, OpenApiOperation Operation)> Operations(OpenApiDocument document) =>
        document.Paths.SelectMany(path => path.Value.Operations!.Select(operation => (path.Key, operation.Key, operation.Value)));

    private static IEnumerable<string> QueryOf(OpenApiOperation operation) =>
        (operation.Parameters ?? []).Where(parameter => parameter.In == ParameterLocation.Query).Select(parameter => parameter.Name!);

    private static ApiRole? RoleOf(OpenApiOperation operation) =>
        operation.Security is [{ } requirement] ? ApiAccess.ToRole(requirement.Single().Value.Single()) : null;

    private static string Concrete(string path) => path.Replace("{execution}", "none", StringComparison.Ordinal).Replace("{id}", "999999", StringComparison.Ordinal);

    private async Task<(OpenApiDocument Document, OpenApiDiagnostic Diagnostic)> LoadAsync()
    {
        var result = OpenApiDocument.Parse(await host.Http.GetStringAsync("/openapi.json"), "json");
        return (result.Document.ShouldNotBeNull(), result.Diagnostic.ShouldNotBeNull());
    }
}
