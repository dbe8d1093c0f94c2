using System.Diagnostics;
using System.Text;
using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>The program with a verb, in a pipe.</summary>
internal static class CliProcess
{
    public sealed record Result(int ExitCode, string Output, string Error);

    // A shell without job control has what it puts into the background ignore Ctrl-C, and so do all that are started from
    // there: the program too, which respects what it inherits.
    private static string[] Interruptible { get; } = IsInterruptIgnored() ? ["env", "--default-signal=INT"] : [];

    public static Task<Result> RunAsync(params string[] arguments) => RunAsync(arguments, null);

    /// <summary>Runs it on a pseudo-terminal, whose output has both of its outputs.</summary>
    /// <param name="arguments">The verb, and what follows; without blanks.</param>
    public static async Task<Result> RunOnTerminalAsync(params string[] arguments)
    {
        var command = $"dotnet {Path.Combine(AppContext.BaseDirectory, "AsyncCheckpoints.Worker.dll")} {string.Join(' ', arguments)}";
        var start = new ProcessStartInfo("script", ["-qec", command, "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["TERM"] = "xterm";
        using var process = Process.Start(start)!;
        using var timeout = new CancellationTokenSource(Pipeline.Deployment.Patience);
        var output = await process.StandardOutput.ReadToEndAsync(timeout.Token);
        await process.WaitForExitAsync(timeout.Token);
        return new Result(process.ExitCode, output, "");
    }

    /// <summary>Runs it.</summary>
    /// <param name="arguments">The verb, and what follows.</param>
    /// <param name="environment">Settings.</param>
    /// <param name="input">Its standard input.</param>
    /// <param name="signal">The signal: INT or TERM.</param>
    /// <param name="onError">Told of what it writes to the standard error, while it runs.</param>
    /// <param name="isInputOpen">Whether its standard input has no end, as that of a terminal.</param>
    /// <param name="interrupt">Sends it the signal.</param>
    public static async Task<Result> RunAsync(
        string[] arguments,
        IReadOnlyDictionary<string, string?>? environment,
        string? input = null,
        string signal = "INT",
        Action<string>? onError = null,
        bool isInputOpen = false,
        CancellationToken interrupt = default)
    {
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        string[] command = [.. ParentDeath.Wrapper, .. Interruptible, host, Path.Combine(AppContext.BaseDirectory, "AsyncCheckpoints.Worker.dll"), .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("ConnectionStrings", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        using var process = new Process { StartInfo = start };
        await ParentDeath.RunAsync(process.Start);
        await using var standardInput = process.StandardInput;
        await standardInput.WriteAsync(input);
        if (!isInputOpen)
        {
            standardInput.Close();
        }

        using var interruption = interrupt.Register(() => Process.Start("kill", [$"-{signal}", $"{process.Id}"]));
        using var timeout = new CancellationTokenSource(Pipeline.Deployment.Patience);
        var output = process.StandardOutput.ReadToEndAsync(timeout.Token);
        var error = ReadAsync(process.StandardError, onError, timeout.Token);
        await process.WaitForExitAsync(timeout.Token);
        return new Result(process.ExitCode, await output, await error);
    }

    private static bool IsInterruptIgnored()
    {
        const string ignored = "SigIgn:";
        const ulong interrupt = 1UL << (2 - 1);
        return OperatingSystem.IsLinux()
            && File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(ignored, StringComparison.Ordinal)) is { } mask
            && (Convert.ToUInt64(mask[ignored.Length..].Trim(), 16) & interrupt) != 0;
    }

    private static async Task<string> ReadAsync(StreamReader reader, Action<string>? onText, CancellationToken cancellationToken)
    {
        var all = new StringBuilder();
        var buffer = new char[1024];
        while (await reader.ReadAsync(buffer, cancellationToken) is > 0 and var count)
        {
            all.Append(buffer, 0, count);
            onText?.Invoke(all.ToString());
        }

        return all.ToString();
    }
}
