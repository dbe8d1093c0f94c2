using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;
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

    internal static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    public Task InitializeAsync() => MakeAsync("install", Prefix, "PUBLISH=--no-build", $"CONFIGURATION={Configuration}");

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

    /// <summary>What is typed, "|" where the cursor is if not at its end, and what can follow.</summary>
    public static TheoryData<string, string> Lines { get; } = new()
    {
        { "checkpoints dead", "dead-letters" },
        { "checkpoints dead-letters ", "list show retry discard" },
        { "checkpoints re", "replay retention" },
        { "checkpoints replay ca", "cache" },
        { "checkpoints jobs list --state com", "completed" },
        { "checkpoints jobs list --js", "--json" },
        { "checkpoints list", "list" },
        { "checkpoints nothing", "" },
        { "checkpoints get 'a$(touch ran)`touch ran`", "" },
        { "checkpoints re| --json", "replay retention" },
    };

    [Fact]
    public async Task Command_FromAnywhere_Runs()
    {
        var link = $"{installed.Prefix} link";
        File.CreateSymbolicLink(link, Path.Combine(installed.Prefix, "bin", "checkpoints"));
        (await installed.RunAsync("bash", "-c", "cd / && checkpoints jobs --help")).ShouldContain("checkpoints jobs [command] [options]");
        (await installed.RunAsync(link, "--version")).ShouldMatch(@"\A\d+\.\d+\.\d+");
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task Completion_InBash_GivesWhatCanFollow(string line, string expected)
    {
        var (text, point) = CursorOf(line);
        var script = """
            set -eu
            cd "$1"
            source share/bash-completion/completions/checkpoints
            [ "$(complete -p checkpoints)" = 'complete -o default -F _checkpoints checkpoints' ]
            COMP_LINE=$2 COMP_POINT=$3
            _checkpoints checkpoints
            printf '%s\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
            [ ! -e ran ]
            """;
        ShouldOffer(await installed.RunAsync("bash", "-c", script, "bash", installed.Prefix, text, $"{point}"), expected);
    }

    /// <summary>At a terminal, as a user has it: what zsh finds is written down before it is shown.</summary>
    [Theory]
    [MemberData(nameof(Lines))]
    public async Task Completion_InZsh_GivesWhatCanFollow(string line, string expected)
    {
        var (text, point) = CursorOf(line);
        var script = """
            setopt err_exit no_unset
            zmodload zsh/zpty
            cd $1
            export TERM=dumb FOUND=$(mktemp -d)
            export ZDOTDIR=$FOUND
            mkfifo $FOUND/all
            cat > $FOUND/.zshrc <<'END'
            fpath=($PWD/share/zsh/site-functions $fpath)
            autoload -Uz compinit
            compinit -u -d $FOUND/dump
            compadd() {
              builtin compadd -A matches "$@"
              print -rl -- $matches >> $FOUND/hits
              builtin compadd "$@"
            }
            comppostfuncs=(tell)
            tell() { cat $FOUND/hits > $FOUND/all 2> /dev/null }
            : > $FOUND/hits
            bindkey '^I' complete-word
            END
            zpty shell zsh -i -o no_global_rcs
            keys=$2
            repeat $(( ${#2} - $3 )); do keys+=$'\x02'; done
            zpty -n -w shell $keys$'\t'
            cat $FOUND/all
            zpty -d shell
            rm -r $FOUND
            [[ ! -e ran ]]
            """;
        ShouldOffer(await installed.RunAsync("zsh", "-f", "-c", script, "zsh", installed.Prefix, text, $"{point}"), expected);
    }

    [Theory]
    [MemberData(nameof(Lines))]
    [InlineData("checkpoints import b", "bin/")]
    [InlineData("checkpoints import ", "bin/ lib/ share/")]
    public async Task Completion_InFish_GivesWhatCanFollow(string line, string expected)
    {
        var (text, point) = CursorOf(line);
        var script = """
            set -eu
            cd "$1"
            export XDG_DATA_DIRS=$1/share HOME=$(mktemp -d)
            fish --command 'complete --do-complete $argv[1]' -- "$2" | cut -f 1
            rm -r "$HOME"
            [ ! -e ran ]
            """;
        ShouldOffer(await installed.RunAsync("bash", "-c", script, "bash", installed.Prefix, text[..point]), expected);
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

    [Fact]
    public async Task Pack_MakesThePackagesOfTheSdk()
    {
        var folder = $"{installed.Prefix} packages";
        await installed.MakeAsync("pack", installed.Prefix, "PACK=--no-build", $"CONFIGURATION={InstalledCommand.Configuration}", $"OUT={folder}", "VERSION=7.8.9");

        var packages = Directory.EnumerateFiles(folder).Select(ReadPackage).ToList();
        packages.Select(package => package.Id).ShouldBe(["AsyncCheckpoints", "AsyncCheckpoints.Contracts", "AsyncCheckpoints.Spool"], ignoreOrder: true);
        packages.ShouldAllBe(package => package.Files.Contains($"lib/net10.0/{package.Id}.dll") && package.Files.Contains($"lib/net10.0/{package.Id}.xml"));
        packages.ShouldAllBe(package => package.Files.Contains(package.Values["readme"]) && package.Values["license"] == "MIT" && package.Values["description"].Length > 20);
        packages.Single(package => package.Id == "AsyncCheckpoints").Dependencies.ShouldContain("AsyncCheckpoints.Contracts 7.8.9");
        packages.Single(package => package.Id == "AsyncCheckpoints.Spool").Dependencies.ShouldContain("AsyncCheckpoints 7.8.9");
    }

    private static (string Id, List<string> Files, Dictionary<string, string> Values, List<string> Dependencies) ReadPackage(string path)
    {
        using var package = ZipFile.OpenRead(path);
        using var stream = package.Entries.Single(entry => entry.Name.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        var metadata = XDocument.Load(stream).Root!.Elements().Single();
        return (
            metadata.Elements().Single(element => element.Name.LocalName == "id").Value,
            [.. package.Entries.Select(entry => entry.FullName)],
            metadata.Elements().ToDictionary(element => element.Name.LocalName, element => element.Value),
            [.. metadata.Descendants().Where(element => element.Name.LocalName == "dependency").Select(element => $"{element.Attribute("id")!.Value} {element.Attribute("version")!.Value}")]);
    }

    private static (string Text, int Point) CursorOf(string line)
    {
        var text = line.Replace("|", "", StringComparison.Ordinal);
        return (text, line.IndexOf('|', StringComparison.Ordinal) is var point and >= 0 ? point : text.Length);
    }

    private static void ShouldOffer(string output, string expected) =>
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(word => expected.Length == 0 || !word.StartsWith('-') || expected.StartsWith('-'))
            .ShouldBe(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries), ignoreOrder: true);

    private static IEnumerable<string> FilesOf(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path));
}
