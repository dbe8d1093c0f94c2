using System.Text;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Documentation;

public sealed class ReadmeTests
{
    private sealed record Plan(string Title, int Step);

    [Fact]
    public async Task Producer_OfTheReadme_RunsAsPrinted()
    {
        var latest = await RunAsync(SharedServers.Redis, SharedServers.RabbitMq);

        Encoding.UTF8.GetString(latest.ShouldNotBeNull().State.Span).ShouldBe("step 2");
    }

    [Fact]
    public async Task Producer_OfTheReadme_IsTheOneThatIsTested()
    {
        var root = RepositoryRoot();
        var readme = await File.ReadAllTextAsync(Path.Combine(root, "README.md"));
        var code = readme.Split("```csharp\n")[1].Split("```")[0];
        var tested = await File.ReadAllTextAsync(Path.Combine(root, "Worker.Tests", "Documentation", "ReadmeTests.cs"));
        Lines(tested).ShouldContain(Lines(code));
    }

    private static async Task<Checkpoint?> RunAsync(string redis, string rabbitMq)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddAsyncCheckpoints(o => (o.Redis, o.RabbitMq) = (redis, rabbitMq));
        using var host = builder.Build();
        await host.StartAsync();
        var checkpoints = host.Services.GetRequiredService<ICheckpointClient>();
        var saved = await checkpoints.SaveAsync(new Checkpoint { ExecutionId = "run-42", NodeName = "plan" }, new Plan("draft", 1));
        checkpoints.TrySave(new Checkpoint { ExecutionId = "run-42", NodeName = "act", State = "step 2"u8.ToArray() });
        await checkpoints.FlushAsync();
        var latest = await checkpoints.LoadLatestAsync("run-42");
        await host.StopAsync();
        saved.Reached.ShouldBe(Durability.Queued);
        return latest;
    }

    private static string Lines(string code) => string.Join('\n', code.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0));

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "AsyncCheckpoints.sln")))
        {
            folder = folder.Parent.ShouldNotBeNull();
        }

        return folder.FullName;
    }
}
