namespace AsyncCheckpoints.Worker.Http;

/// <summary>/openapi.json: the description of every endpoint (OpenAPI 3.1), written by hand and compared with them by tests.</summary>
internal static class ApiDocument
{
    /// <summary>Maps it. It holds no data, so it takes no key.</summary>
    /// <param name="endpoints">The routes.</param>
    public static void MapApiDocument(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapGet("/openapi.json", () => Results.Stream(
            typeof(ApiDocument).Assembly.GetManifestResourceStream("AsyncCheckpoints.Worker.Http.openapi.json")!, "application/json"));
}
