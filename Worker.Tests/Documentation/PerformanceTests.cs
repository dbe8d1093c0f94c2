using System.Diagnostics;
using System.Text.Json;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Documentation;

/// <summary>The program behind docs/PERFORMANCE.md, with its own servers.</summary>
public sealed class PerformanceTests
{
    [Fact]
    [Trait("Category", "Long")]
    public async Task Benchmark_OneMeasureAfterAnother_DocumentAndFiguresHaveBoth()
    {
        var folder = Directory.CreateTempSubdirectory();
        try
        {
            var (json, markdown) = (Path.Combine(folder.FullName, "f.json"), Path.Combine(folder.FullName, "f.md"));
            foreach (var measure in (string[])["try-save", "load-redis"])
            {
                var (exitCode, output) = await RunAsync("--quick", "--bench", measure, "--json", json, "--markdown", markdown);
                exitCode.ShouldBe(0, output);
                output.ShouldContain("Targets");
            }

            using var figures = JsonDocument.Parse(await File.ReadAllBytesAsync(json));
            var measures = figures.RootElement.GetProperty("measures").EnumerateArray().ToList();
            measures.Select(measure => measure.GetProperty("name").GetString()).ShouldBe(["try-save", "load-redis"]);
            foreach (var contender in measures.SelectMany(measure => measure.GetProperty("contenders").EnumerateArray()))
            {
                var rounds = contender.GetProperty("rounds").EnumerateArray().Select(round => round.GetProperty("p50 µs").GetDouble()).Order().ToList();
                rounds.Count.ShouldBeGreaterThanOrEqualTo(3);
                contender.GetProperty("medians").GetProperty("p50 µs").GetDouble().ShouldBeInRange(rounds[0], rounds[^1]);
            }

            var load = measures[1];
            load.GetProperty("targets")[0].GetProperty("value").GetDouble().ShouldBe(Median(load, "LoadLatest") / Median(load, "raw GET"), 0.1);
            var document = await File.ReadAllTextAsync(markdown);
            document.ShouldContain("`try-save`");
            document.ShouldContain("| raw GET |");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("Unknown measure nonsense; known: try-save, ", "--bench", "nonsense")]
    [InlineData("Unknown argument --slow.", "--slow")]
    [InlineData("--json needs a value.", "--json")]
    public async Task Benchmark_WrongArguments_AreNamedInOneLine(string error, params string[] arguments)
    {
        var (exitCode, output) = await RunAsync(arguments);

        exitCode.ShouldBe(2);
        output.ShouldStartWith(error);
        output.Trim().Split('\n').Length.ShouldBe(1, output);
    }

    private static double Median(JsonElement measure, string contender) => measure.GetProperty("contenders").EnumerateArray()
        .Single(one => one.GetProperty("name").GetString() == contender).GetProperty("medians").GetProperty("p50 µs").GetDouble();

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        var folder = AppContext.BaseDirectory.Replace("Worker.Tests", "Benchmarks", StringComparison.Ordinal);
        var start = new ProcessStartInfo("dotnet", [Path.Combine(folder, "AsyncCheckpoints.Benchmarks.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await errors);
    }
}
