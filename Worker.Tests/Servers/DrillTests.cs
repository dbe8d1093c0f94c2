using System.Diagnostics;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>What `make drill` does, with few saves.</summary>
[Trait("Category", "Long")]
public sealed class DrillTests
{
    [Fact]
    public async Task Drill_EveryPartLostAndRestored_LosesNothing()
    {
        var script = Path.Combine(Path.GetDirectoryName(Infrastructure.Script)!, "drill.sh");
        var start = new ProcessStartInfo("bash", [script, "200"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DRILL_WORKER"] = Path.Combine(AppContext.BaseDirectory, "AsyncCheckpoints.Worker.dll") },
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, $"{output}\n{await error}");
        output.ShouldContain("Nothing is lost.");
    }
}
