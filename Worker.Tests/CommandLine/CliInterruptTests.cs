using System.Globalization;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>
/// Transfers that are interrupted on the way. The way to the worker is so slow that many requests are left when the first
/// few have passed, and frozen from then on: none ends before the signal comes.
/// </summary>
public sealed class CliInterruptTests(CliHost host) : IClassFixture<CliHost>
{
    private const int Lines = 100;
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(100);

    [Theory]
    [InlineData("old.jsonl", "INT")]
    [InlineData("old.jsonl.gz", "TERM")]
    public async Task Export_Interrupted_TheFileStays(string name, string signal)
    {
        var prefix = $"export-{Guid.NewGuid():N}-";
        for (var i = 0; i < 40; i++)
        {
            // More than is buffered before it is written, also where it is compressed.
            using var content = new ByteArrayContent(RandomNumberGenerator.GetBytes(20_000));
            (await host.Worker.Http.PutAsync($"/executions/{prefix}{i:00}/checkpoints/a", content)).EnsureSuccessStatusCode();
        }

        var folder = Directory.CreateDirectory(Path.Combine(host.Worker.Folder, Guid.NewGuid().ToString("N")));
        var file = Path.Combine(folder.FullName, name);
        await File.WriteAllTextAsync(file, "the last good one");
        await using var proxy = StartProxy();
        using var interrupt = new CancellationTokenSource();
        var running = CliProcess.RunAsync(["export", file, "--prefix", prefix, "--url", UrlOf(proxy)], null, signal: signal, interrupt: interrupt.Token);
        await Deployment.UntilAsync(
            () => Task.FromResult(running.IsCompleted || folder.EnumerateFiles("*.part").Any(part => part.Length > 0)), "some of the export is written");

        proxy.Freeze();
        await interrupt.CancelAsync();

        (await running).ShouldBe(new CliProcess.Result(130, "", "Cancelled.\n"));
        (await File.ReadAllTextAsync(file)).ShouldBe("the last good one");
        Directory.GetFiles(folder.FullName).ShouldBe([file]);
    }

    [Fact]
    public async Task Import_Interrupted_SaysHowManyLinesItImported()
    {
        var execution = $"import-{Guid.NewGuid():N}";
        var file = Path.Combine(host.Worker.Folder, $"{execution}.jsonl");
        await File.WriteAllTextAsync(file, TextOf(execution, Lines));
        await using var proxy = StartProxy();
        using var interrupt = new CancellationTokenSource();
        var running = CliProcess.RunAsync(["import", file, "--url", UrlOf(proxy)], null, interrupt: interrupt.Token);
        await UntilTheSecondIsThereAsync(execution, running);

        proxy.Freeze();
        await interrupt.CancelAsync();

        var count = CountOf(await running);
        count.ShouldBeInRange(1, Lines - 1);

        // One may be saved without an answer that has come through.
        var saved = await host.Worker.Http.GetFromJsonAsync<JsonElement>($"/executions/{execution}/checkpoints?limit=1000");
        saved.GetProperty("items").GetArrayLength().ShouldBeInRange(count, count + 1);
    }

    [Fact]
    public async Task Import_InterruptedWhileItWaitsForALine_SaysSoToo()
    {
        var execution = $"import-{Guid.NewGuid():N}";
        using var interrupt = new CancellationTokenSource();
        var running = CliProcess.RunAsync(
            ["import", "--url", $"{host.Worker.Http.BaseAddress}"], null, TextOf(execution, 2), isInputOpen: true, interrupt: interrupt.Token);
        await UntilTheSecondIsThereAsync(execution, running);

        await interrupt.CancelAsync();

        CountOf(await running).ShouldBeInRange(1, 2);
    }

    private static string UrlOf(TcpProxy proxy) => $"http://127.0.0.1:{proxy.Port}";

    private static string TextOf(string execution, int lines) => string.Concat(Enumerable.Range(0, lines).Select(i =>
        $$"""{"executionId":"{{execution}}","id":"c-{{i}}","state":"AAEC","createdAt":"2026-01-02T03:04:05Z"}""" + "\n"));

    private static int CountOf(CliProcess.Result result)
    {
        (result.ExitCode, result.Output).ShouldBe((130, ""), result.Error);
        var said = Regex.Match(result.Error, @"\ACancelled\. ([0-9]+) lines were imported\.\n\z");
        said.Success.ShouldBeTrue(result.Error);
        return int.Parse(said.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private TcpProxy StartProxy()
    {
        var proxy = TcpProxy.Start(host.Worker.Http.BaseAddress!.Port);
        proxy.Delay = Delay;
        return proxy;
    }

    // They go one by one: the first is answered by then.
    private Task UntilTheSecondIsThereAsync(string execution, Task running) => Deployment.UntilAsync(
        async () => running.IsCompleted || (await host.Worker.Http.GetAsync($"/executions/{execution}/checkpoints/c-1")).IsSuccessStatusCode,
        "the worker has the second line");
}
