using Microsoft.AspNetCore.Http.Features;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>
/// Reads the ids in a path from the request target as it was sent. The server's decoded path cannot tell "%2F" from
/// "%252F"; the number of segments is the same in both.
/// </summary>
internal static class ApiPath
{
    /// <summary>The decoded value of a route's parameter.</summary>
    /// <param name="context">The request.</param>
    /// <param name="parameter">The parameter's name.</param>
    /// <exception cref="ArgumentException">It is not properly encoded.</exception>
    public static string Read(HttpContext context, string parameter)
    {
        var segments = Segments(context);
        var pattern = ((RouteEndpoint)context.GetEndpoint()!).RoutePattern.PathSegments;
        var index = pattern.ToList().FindIndex(s => s.Parts is [Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart part] && part.Name == parameter);
        return PercentText.DecodeSegment(segments[segments.Length - pattern.Count + index], parameter);
    }

    /// <summary>
    /// Refuses a path with empty or folder segments, which the server would otherwise match after removing them:
    /// "DELETE /executions/a/checkpoints/.." must not become "DELETE /executions/a/".
    /// </summary>
    /// <param name="context">The request.</param>
    /// <exception cref="ApiException">There is no such path.</exception>
    /// <exception cref="ArgumentException">A segment is "." or "..".</exception>
    public static void RequireExact(HttpContext context)
    {
        var segments = Segments(context);
        foreach (var segment in segments)
        {
            if (segment.Length == 0)
            {
                throw ApiException.NoSuchPath(context);
            }

            PercentText.DecodeSegment(segment, "path");
        }

        // The server decodes %2F after all where the target is in absolute form.
        if (segments.Length != context.Request.PathBase.Add(context.Request.Path).Value!.Split('/').Length - 1)
        {
            throw new ArgumentException("path has %2F in a target of absolute form; only the form '/path' is allowed with it.", "path");
        }
    }

    private static string[] Segments(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (!target.StartsWith('/'))
        {
            // Absolute form: "GET http://host/path".
            var authority = target.IndexOf("://", StringComparison.Ordinal) + 3;
            var path = target.IndexOf('/', authority);
            target = path < 0 ? "/" : target[path..];
        }

        var query = target.IndexOf('?', StringComparison.Ordinal);
        return (query < 0 ? target : target[..query])[1..].Split('/');
    }
}
