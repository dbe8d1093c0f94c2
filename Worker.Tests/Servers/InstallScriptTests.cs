using System.Diagnostics;
using AsyncCheckpoints.Tests.Diagnostics;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>infra/install.sh on a machine that has the servers, and nothing of what only the tests want.</summary>
public sealed class InstallScriptTests
{
    [Fact]
    public async Task Servers_AreThere_NothingElseIsAskedFor()
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-path-");
        try
        {
            foreach (var program in new[] { "bash", "redis-server", "curl", "sqlite3", "pgrep", "perl", "id" })
            {
                File.CreateSymbolicLink(Path.Combine(folder.FullName, program), Find(program));
            }

            (await RunAsync(folder.FullName, "servers")).ShouldBe((0, ""));
            var (code, error) = await RunAsync(folder.FullName);
            code.ShouldBe(1);
            error.ShouldContain("missing: chromium prometheus");
            (await RunAsync(folder.FullName, "everything")).ExitCode.ShouldBe(2);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Find(string program) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, program)).First(File.Exists);

    private static async Task<(int ExitCode, string Error)> RunAsync(string path, params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(path, "bash"), [Path.Combine(InfraFilesTests.Root, "infra", "install.sh"), .. arguments])
        {
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = path;
        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, error);
    }
}
