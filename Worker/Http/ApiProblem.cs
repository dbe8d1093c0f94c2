using AsyncCheckpoints.Worker.Storage;
using Microsoft.AspNetCore.Mvc;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>What each failure looks like to a caller: RFC 9457 problem details with a type of <c>urn:asynccheckpoints:…</c>.</summary>
internal static class ApiProblem
{
    public static ProblemDetails Create(int status, string type, string title, string? detail = null) =>
        new() { Status = status, Type = $"urn:asynccheckpoints:{type}", Title = title, Detail = detail };

    /// <summary>The problem that an exception stands for. What is not foreseen says nothing of its cause.</summary>
    public static ProblemDetails Of(Exception exception) => exception switch
    {
        ApiException e => e.Problem,
        CheckpointConflictException e => With(
            WithKey(Create(StatusCodes.Status409Conflict, "conflict", "Another writer was faster.", e.Message), e.Key),
            ("expectedLatestId", e.ExpectedLatestId),
            ("actualLatestId", e.ActualLatestId)),
        CheckpointNotFoundException e => WithKey(
            Create(StatusCodes.Status404NotFound, "not-found", "There is no such checkpoint.", e.Message), e.Key),
        CheckpointException { IsTransient: true } e => WithKey(
            Create(StatusCodes.Status503ServiceUnavailable, "unavailable", "A part of the pipeline cannot be reached; try again later.", ErrorText.WithoutCause(e)), e.Key),
        CheckpointException e => WithKey(
            Create(StatusCodes.Status500InternalServerError, e is CheckpointFormatException ? "format" : "failed", "The checkpoint cannot be handled.", ErrorText.WithoutCause(e)), e.Key),
        BadHttpRequestException e => Create(e.StatusCode, "bad-request", "The request is not valid.", e.Message),
        ArgumentException e => With(
            Create(StatusCodes.Status400BadRequest, "bad-argument", "A value is out of bounds.", MessageOf(e)), ("field", FieldOf(e))),
        OperationCanceledException => Create(
            StatusCodes.Status503ServiceUnavailable, "unavailable", "The operation was cut off; try again later."),
        _ when TransientErrors.IsTransient(exception) => Create(
            StatusCodes.Status503ServiceUnavailable, "unavailable", "A part of the pipeline cannot be reached; try again later."),
        _ => Create(StatusCodes.Status500InternalServerError, "internal", "The worker failed; its log says why."),
    };

    /// <summary>The problem for a status that came without a body.</summary>
    public static ProblemDetails Of(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => ApiException.NoSuchPath(context).Problem,
        StatusCodes.Status405MethodNotAllowed => Create(
            StatusCodes.Status405MethodNotAllowed,
            "method-not-allowed",
            "The method is not allowed here.",
            $"The method is {context.Request.Method}; {context.Response.Headers.Allow} are allowed."),
        var status => Create(status, "http", $"The request failed with status {status}."),
    };

    private static ProblemDetails With(ProblemDetails problem, params ReadOnlySpan<(string Name, object? Value)> extensions)
    {
        foreach (var (name, value) in extensions)
        {
            problem.Extensions[name] = value;
        }

        return problem;
    }

    private static ProblemDetails WithKey(ProblemDetails problem, CheckpointKey? key) => key is { } k
        ? With(problem, ("executionId", k.ExecutionId), ("namespace", k.Namespace), ("id", k.Id))
        : problem;

    /// <summary>What an exception says, without the " (Parameter 'x')" that the BCL appends.</summary>
    /// <param name="e">The exception.</param>
    public static string MessageOf(ArgumentException e)
    {
        var suffix = $" (Parameter '{e.ParamName}')";
        return e.Message.EndsWith(suffix, StringComparison.Ordinal) ? e.Message[..^suffix.Length] : e.Message;
    }

    private static string? FieldOf(ArgumentException e) =>
        e.ParamName is { Length: > 0 } name ? char.ToLowerInvariant(name[0]) + name[1..] : null;
}
