using System.Security.Cryptography;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Net.Http.Headers;

namespace AsyncCheckpoints.Worker.Dashboard;

/// <summary>
/// The dashboard: a page without data, for anybody who reaches the address. What it shows it asks the HTTP API for, with
/// the key of whoever looks at it.
/// </summary>
internal static class CheckpointDashboard
{
    private const string Index = "index.html";
    private const string Policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";
    private static readonly Dictionary<string, PageFile> Files = Load();

    /// <summary>Maps / and /dashboard/{file}.</summary>
    /// <param name="endpoints">The routes.</param>
    public static void MapCheckpointDashboard(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapMethods("/", [HttpMethods.Get, HttpMethods.Head], context => WriteAsync(context, Files[Index]));
        foreach (var (name, file) in Files.Where(file => file.Key != Index))
        {
            endpoints.MapMethods($"/dashboard/{name}", [HttpMethods.Get, HttpMethods.Head], context => WriteAsync(context, file));
        }
    }

    private static async Task WriteAsync(HttpContext context, PageFile file)
    {
        var headers = context.Response.GetTypedHeaders();
        headers.ETag = file.Tag;
        headers.CacheControl = new CacheControlHeaderValue { NoCache = true };
        context.Response.Headers.ContentSecurityPolicy = Policy;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        if (context.Request.GetTypedHeaders().IfNoneMatch.Any(tag => tag.Compare(file.Tag, useStrongComparison: false)))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        context.Response.ContentType = file.ContentType;
        context.Response.ContentLength = file.Body.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(file.Body, context.RequestAborted);
        }
    }

    private static Dictionary<string, PageFile> Load()
    {
        var folder = $"{typeof(CheckpointDashboard).Namespace}.Page.";
        var types = new FileExtensionContentTypeProvider();
        var assembly = typeof(CheckpointDashboard).Assembly;
        var files = new Dictionary<string, PageFile>(StringComparer.Ordinal);
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var body = new byte[stream.Length];
            stream.ReadExactly(body);
            var type = types.TryGetContentType(resource, out var known) ? known : "application/octet-stream";
            var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(body).AsSpan(0, 8))}\"");
            files[resource[folder.Length..]] = new PageFile(body, type.StartsWith("text/", StringComparison.Ordinal) ? $"{type}; charset=utf-8" : type, tag);
        }

        return files;
    }

    private sealed record PageFile(byte[] Body, string ContentType, EntityTagHeaderValue Tag);
}
