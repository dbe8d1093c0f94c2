using System.ComponentModel;
using System.Diagnostics;

namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>Prometheus's own parser (package prometheus of Debian; infra/install.sh installs it).</summary>
internal static class Promtool
{
    /// <summary>Runs it; the exit code is 0 (good), 1 (cannot be parsed) or 3 (parsed, with remarks).</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string? input, params string[] arguments)
    {
        var start = new ProcessStartInfo("promtool", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Start(start);
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await errors);
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new InvalidOperationException("promtool is missing: run infra/install.sh.", e);
        }
    }
}
