namespace AsyncCheckpoints.Worker.Http;

/// <summary>Makes every failure a problem document: exceptions, and statuses without a body (unknown paths, methods).</summary>
internal sealed partial class ProblemMiddleware(ILogger<ProblemMiddleware> logger)
{
    private const string RetryAfterSeconds = "1";

    /// <summary>Runs the rest of the pipeline.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            var problem = ApiProblem.Of(e);
            Log(e, problem.Status);
            context.Response.Clear();
            if (problem.Status == StatusCodes.Status503ServiceUnavailable)
            {
                context.Response.Headers.RetryAfter = RetryAfterSeconds;
            }

            if (e is ApiException { Challenge: { } challenge })
            {
                context.Response.Headers.WWWAuthenticate = challenge;
            }

            await Results.Problem(problem).ExecuteAsync(context);
            return;
        }

        var response = context.Response;
        if (response.StatusCode >= StatusCodes.Status400BadRequest && !response.HasStarted && response.ContentType is null && response.ContentLength is null)
        {
            await Results.Problem(ApiProblem.Of(context)).ExecuteAsync(context);
        }
    }

    private void Log(Exception e, int? status)
    {
        if (status == StatusCodes.Status503ServiceUnavailable)
        {
            Refused(logger, e.GetType().Name, e.Message);
        }
        else if (status >= StatusCodes.Status500InternalServerError)
        {
            Failed(logger, e);
        }
    }

    [LoggerMessage(6001, LogLevel.Warning, "Answered a request with 503: {Error}: {Message}")]
    private static partial void Refused(ILogger logger, string error, string message);

    [LoggerMessage(6002, LogLevel.Error, "Failed to serve a request")]
    private static partial void Failed(ILogger logger, Exception exception);
}
