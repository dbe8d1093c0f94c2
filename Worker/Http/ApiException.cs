using Microsoft.AspNetCore.Mvc;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>A request cannot be served; carries the answer.</summary>
internal sealed class ApiException(ProblemDetails problem) : Exception(problem.Detail)
{
    /// <summary>The answer.</summary>
    public ProblemDetails Problem { get; } = problem;

    /// <summary>How to prove who one is (<c>WWW-Authenticate</c>); null: that was not asked.</summary>
    public string? Challenge { get; init; }

    public static ApiException NoSuchPath(HttpContext context) =>
        new(ApiProblem.Create(StatusCodes.Status404NotFound, "no-such-path", "There is nothing at this path.", $"'{context.Request.Path.Value}' is not a path of this API."));

    public static ApiException NoCheckpoint(string detail) =>
        new(ApiProblem.Create(StatusCodes.Status404NotFound, "not-found", "There is no such checkpoint.", detail));

    public static ApiException TooLarge(int maxStateBytes, long? length) => new(ApiProblem.Create(
        StatusCodes.Status413PayloadTooLarge,
        "too-large",
        "The state is too large.",
        $"State has {(length is { } bytes ? $"{bytes}" : $"more than {maxStateBytes}")} bytes; at most {maxStateBytes} are allowed."));

    public static ApiException EncodedBody(string encoding) => new(ApiProblem.Create(
        StatusCodes.Status415UnsupportedMediaType,
        "encoded-body",
        "The body has a content encoding.",
        $"Content-Encoding is '{encoding}'; only bodies without one are allowed: a state is stored byte for byte."));
}
