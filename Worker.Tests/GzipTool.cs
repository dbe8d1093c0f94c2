using System.Diagnostics;
using Shouldly;

namespace AsyncCheckpoints.Tests;

/// <summary>The program gzip, which asks more of a file than our own reader does.</summary>
internal static class GzipTool
{
    /// <summary>Checks that it takes a file, and that nothing is in it.</summary>
    public static async Task ShouldBeEmptyAsync(byte[] file)
    {
        using var process = Process.Start(new ProcessStartInfo("gzip", ["-dc"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        await process.StandardInput.BaseStream.WriteAsync(file);
        process.StandardInput.Close();
        (await process.StandardOutput.ReadToEndAsync()).ShouldBe("");
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0);
        file.ShouldNotBeEmpty();
    }
}
