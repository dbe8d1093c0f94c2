using System.Diagnostics;
using AsyncCheckpoints.Tests.Diagnostics;
using AsyncCheckpoints.Tests.Pipeline;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>What `make install` has put into a folder, from the build that is tested.</summary>
public sealed class InstalledCommand : IAsyncLifetime
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("asynccheckpoints-install-");

    /// <summary>With a blank, as a folder of a user may have.</summary>
    internal string Prefix => Path.Combine(_folder.FullName, "my software");

    public async Task InitializeAsync()
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        await MakeAsync("install", Prefix, "PUBLISH=--no-build", $"CONFIGURATION={configuration}");
    }

    public Task DisposeAsync()
    {
        _folder.Delete(recursive: true);
        return Task.CompletedTask;
    }

    internal Task<string> MakeAsync(string target, string prefix, params string[] settings) =>
        RunAsync("make", ["-s", "-C", InfraFilesTests.Root, target, $"PREFIX={prefix}", .. settings]);

    /// <summary>Runs a program that finds the installed command first.</summary>
    internal async Task<string> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = $"{Path.Combine(Prefix, "bin")}:{Environment.GetEnvironmentVariable("PATH")}";

        // What `make test` was started with is none of its business.
        foreach (var name in new[] { "MAKEFLAGS", "MAKELEVEL", "DESTDIR" })
        {
            start.Environment.Remove(name);
        }

        // No process of the build that goes on afterwards, and holds the output open.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["DOTNET_CLI_USE_MSBUILD_SERVER"] = "0";
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(Deployment.Patience);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(timeout.Token), process.StandardError.ReadToEndAsync(timeout.Token));
        await process.WaitForExitAsync(timeout.Token);
        process.ExitCode.ShouldBe(0, $"{await output}{await error}");
        return await output;
    }
}

public sealed class InstallTests(InstalledCommand installed) : IClassFixture<InstalledCommand>
{
    private const string Completion = "share/bash-completion/completions/checkpoints";

    [Fact]
    public async Task Command_FromAnywhere_Runs()
    {
        var link = $"{installed.Prefix} link";
        File.CreateSymbolicLink(link, Path.Combine(installed.Prefix, "bin", "checkpoints"));
        (await installed.RunAsync("bash", "-c", "cd / && checkpoints jobs --help")).ShouldContain("checkpoints jobs [command] [options]");
        (await installed.RunAsync(link, "--version")).ShouldMatch(@"\A\d+\.\d+\.\d+");
    }

    [Theory]
    [InlineData("checkpoints dead", "dead-letters")]
    [InlineData("checkpoints dead-letters ", "list show retry discard")]
    [InlineData("checkpoints re", "replay retention")]
    [InlineData("checkpoints replay ca", "cache")]
    [InlineData("checkpoints jobs list --state com", "completed")]
    [InlineData("checkpoints jobs list --js", "--json")]
    [InlineData("checkpoints list", "list")]
    [InlineData("checkpoints nothing", "")]
    [InlineData("checkpoints get 'a$(touch ran)`touch ran`", "")]
    [InlineData("checkpoints re| --json", "replay retention")]
    public async Task Completion_InBash_GivesWhatCanFollow(string line, string expected)
    {
        var point = line.IndexOf('|', StringComparison.Ordinal);
        var script = """
            set -eu
            cd "$1"
            source "$2"
            [ "$(complete -p checkpoints)" = 'complete -o default -F _checkpoints checkpoints' ]
            COMP_LINE=$3 COMP_POINT=$4
            _checkpoints checkpoints
            printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
            [ ! -e ran ]
            """;
        var output = await installed.RunAsync(
            "bash",
            "-c",
            script,
            "bash",
            installed.Prefix,
            Path.Combine(installed.Prefix, Completion),
            line.Replace("|", "", StringComparison.Ordinal),
            $"{(point < 0 ? line.Length : point)}");
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(word => expected.Length == 0 || !word.StartsWith('-') || expected.StartsWith('-'))
            .ShouldBe(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), ignoreOrder: true);
    }

    [Fact]
    public async Task Uninstall_TakesWhatInstallPutThere()
    {
        string[] scripts = ["bin/checkpoints", Completion, "share/fish/vendor_completions.d/checkpoints.fish", "share/zsh/site-functions/_checkpoints"];
        var copy = $"{installed.Prefix} copied";
        await installed.RunAsync("cp", "-R", installed.Prefix, copy);
        FilesOf(copy).Where(file => !file.StartsWith("lib/checkpoints/", StringComparison.Ordinal)).ShouldBe(scripts, ignoreOrder: true);
        FilesOf(copy).ShouldContain("lib/checkpoints/appsettings.json");
        await File.WriteAllTextAsync(Path.Combine(copy, "bin", "another"), "");

        await installed.MakeAsync("uninstall", copy);

        FilesOf(copy).ShouldBe(["bin/another"]);
    }

    private static IEnumerable<string> FilesOf(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path));
}
