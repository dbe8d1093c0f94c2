using System.Diagnostics;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Hosting;

public sealed class WorkerStartupTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Start_Embedded_PrintsCurlLinesThatWorkAsPrinted()
    {
        await using var worker = await WorkerProcess.StartAsync();
        await worker.WaitForLineAsync(line => line.Contains("curl", StringComparison.Ordinal) && line.EndsWith("/checkpoints'", StringComparison.Ordinal), Patience);
        var lines = worker.Lines.Where(line => line.TrimStart().StartsWith("curl ", StringComparison.Ordinal)).ToList();
        lines.Count.ShouldBe(3);

        (await RunAsync(lines[0])).ShouldContain("\"reached\":\"persisted\"");
        (await RunAsync(lines[1])).ShouldBe("{\"step\":1}");
        (await RunAsync(lines[2])).ShouldContain("\"node\":\"plan\"");
    }

    [Theory]
    [InlineData("ASPNETCORE_URLS", "http://0.0.0.0:0", "only loopback addresses")]
    [InlineData("ConnectionStrings__Redis", "127.0.0.1:1", "go together")]
    [InlineData("Worker__BatchMaxItems", "0", "Worker:BatchMaxItems is 0; 1 to 50000 is allowed")]
    [InlineData("Jobs__BatchSize", "0", "Jobs:BatchSize is 0; 1 to 10000 is allowed")]
    [InlineData("Jobs__Sources__old__Path", "old.db", "Jobs:Sources:old:Kind is not set; Postgres, Sqlite")]
    [InlineData("Checkpoints__Prefix", "a{b", "Checkpoints:Prefix is 'a{b'")]
    public async Task Start_SettingOutOfBounds_EndsAndNamesIt(string setting, string value, string reason)
    {
        await using var worker = await WorkerProcess.StartAsync(new Dictionary<string, string?> { [setting] = value });
        (await worker.WaitForExitAsync(Patience)).ShouldBe(1);
        worker.Lines.ShouldContain(line => line.Contains(reason, StringComparison.Ordinal));
        worker.Lines.ShouldNotContain(line => line.Contains("None requires", StringComparison.Ordinal));
    }

    private static async Task<string> RunAsync(string line)
    {
        var start = new ProcessStartInfo("bash") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(line);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, await errors);
        return output;
    }
}
