using AsyncCheckpoints.Worker.Hosting;
using Microsoft.OpenApi;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>The generator, compared with /openapi.json: nothing that the worker serves is spared.</summary>
public sealed class BadRequestsTests
{
    private const int FewestOfAHost = 300;

    [Fact]
    public async Task Take_AnyHost_HasEveryOperationParameterAndKindOfJob()
    {
        await using var stream = typeof(WorkerEndpoints).Assembly.GetManifestResourceStream("AsyncCheckpoints.Worker.Http.openapi.json")!;
        using var text = new StreamReader(stream);
        var document = OpenApiDocument.Parse(await text.ReadToEndAsync(), "json").Document.ShouldNotBeNull();
        var operations = document.Paths.SelectMany(path => path.Value.Operations!.Select(operation => (Name: $"{operation.Key.Method} {path.Key}", operation.Value))).ToList();
        operations.ShouldNotBeEmpty();
        var documented = operations.Select(operation => operation.Name)
            .Concat(operations.SelectMany(operation => (operation.Value.Parameters ?? [])
                .Where(parameter => parameter.In == ParameterLocation.Query).Select(parameter => $"{operation.Name}?{parameter.Name}")))
            .Concat(document.Components!.Schemas!["JobRequest"].Properties!["kind"].Enum!.Select(kind => $"job {kind.GetValue<string>()}"));

        var aims = new BadRequests(1, "localhost").Take(FewestOfAHost).Select(request => request.Aim).OfType<string>().Distinct();

        aims.Order(StringComparer.Ordinal).ShouldBe(documented.Order(StringComparer.Ordinal));
    }
}
