namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>Where settings come from, the same for every verb that needs them.</summary>
internal static class WorkerSettings
{
    /// <summary>A host with its configuration: appsettings.json, that of the environment, user secrets, environment, arguments.</summary>
    /// <param name="args">The settings of the command line.</param>
    public static WebApplicationBuilder CreateBuilder(string[] args) =>
        // Settings lie beside the program; data go where it is started.
        WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
}
