namespace AsyncCheckpoints.Worker.Http;

/// <summary>Puts <see cref="ProblemMiddleware"/> around everything that the application maps.</summary>
internal sealed class ProblemStartupFilter(ProblemMiddleware problems) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(problems.InvokeAsync);
        next(app);
    };
}
