using System.Diagnostics;
using System.Text;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Documentation;

public sealed class ReadmeTests
{
    [Fact]
    public async Task Producer_OfTheReadme_RunsAsPrinted()
    {
        var latest = await RunAsync([$"--ConnectionStrings:Redis={SharedServers.Redis}", $"--ConnectionStrings:RabbitMq={SharedServers.RabbitMq}"]);

        Encoding.UTF8.GetString(latest.ShouldNotBeNull().State.Span).ShouldBe("step 2");
    }

    [Theory]
    [InlineData("README.md", "ReadmeTests.cs")]
    [InlineData("docs/USING.md", "UsingTests.cs")]
    public async Task Code_OfADocument_IsTheOneThatIsTested(string document, string test)
    {
        var root = RepositoryRoot();
        var blocks = (await File.ReadAllTextAsync(Path.Combine(root, document))).Split("```csharp\n")[1..];
        var tested = Lines(await File.ReadAllTextAsync(Path.Combine(root, "Worker.Tests", "Documentation", test)));
        blocks.ShouldNotBeEmpty();
        foreach (var block in blocks)
        {
            tested.ShouldContain(Lines(block.Split("```")[0]), Case.Sensitive);
        }
    }

    [Fact]
    public async Task CurlLines_OfTheReadme_AreServedAsPrinted()
    {
        await using var worker = new JobWorker();
        await worker.StartAsync();
        var script = (await File.ReadAllTextAsync(Path.Combine(RepositoryRoot(), "README.md"))).Split("```bash\n")[1].Split("```")[0]
            .Replace("http://127.0.0.1:8470", worker.Http.BaseAddress!.ToString().TrimEnd('/'), StringComparison.Ordinal)
            .Replace("curl ", "curl -sS --fail-with-body -w '\\n' ", StringComparison.Ordinal);
        var start = new ProcessStartInfo("bash", ["-e", "-c", script]) { WorkingDirectory = worker.Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var lines = (await process.StandardOutput.ReadToEndAsync()).Split('\n');
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, string.Join('\n', lines) + await errors);
        lines[0].ShouldContain("\"reached\":\"persisted\"");
        lines[2].ShouldBe("any bytes");
        lines[4].ShouldContain("\"id\":\"c2\"");
        lines[4].ShouldNotContain("\"id\":\"c1\"");
        (await File.ReadAllLinesAsync(Path.Combine(worker.Folder, "checkpoints.jsonl"))).Length.ShouldBe(3);
    }

    private static async Task<Checkpoint?> RunAsync(string[] args)
    {
        var builder = Host.CreateApplicationBuilder(args);
        builder.Services.AddAsyncCheckpoints(o =>
        {
            o.Redis = builder.Configuration.GetConnectionString("Redis");
            o.RabbitMq = builder.Configuration.GetConnectionString("RabbitMq");
        });
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
