using AsyncCheckpoints.Tests.Jobs;
using Xunit;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>A worker process that gives a request ten seconds.</summary>
public abstract class BadRequestHost : IAsyncLifetime
{
    internal JobWorker Worker { get; } = new() { ["Worker__Http__RequestTimeout"] = "00:00:10" };

    /// <summary>What it has logged as an error; its health checks do that while it starts, too.</summary>
    internal IEnumerable<string> Errors => Worker.Process.Lines.Where(line =>
        (line.Contains("fail:", StringComparison.Ordinal) || line.Contains("crit:", StringComparison.Ordinal))
        && !line.Contains("HealthChecks", StringComparison.Ordinal));

    public virtual Task InitializeAsync() => Worker.StartAsync();

    public async Task DisposeAsync() => await Worker.DisposeAsync();
}
