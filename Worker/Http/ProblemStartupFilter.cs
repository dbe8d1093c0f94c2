using AsyncCheckpoints.Worker.Http.Access;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>Puts <see cref="ProblemMiddleware"/> around everything that the application maps, and lets in who may come.</summary>
internal sealed class ProblemStartupFilter(ProblemMiddleware problems, ApiAccess access) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(problems.InvokeAsync);
        app.Use((HttpContext context, RequestDelegate inner) =>
        {
            access.RequireLocalWithoutKeys(context);
            return inner(context);
        });
        next(app);
    };
}
