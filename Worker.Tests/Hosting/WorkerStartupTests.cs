using System.Diagnostics;
using AsyncCheckpoints.Tests.CommandLine;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker.Storage.Sqlite;
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
        var lines = await CurlLinesAsync(worker);
        lines.Count.ShouldBe(3);

        (await RunAsync(lines[0])).ShouldContain("\"reached\":\"persisted\"");
        (await RunAsync(lines[1])).ShouldBe("{\"step\":1}");
        (await RunAsync(lines[2])).ShouldContain("\"node\":\"plan\"");
    }

    [Fact]
    public async Task Start_EmbeddedUnderAnyPrefix_LeavesTheArchiveToAll()
    {
        var folder = Directory.CreateTempSubdirectory("asynccheckpoints-startup-");
        foreach (var prefix in (string[])["one", "two"])
        {
            await using var worker = await WorkerProcess.StartAsync(new Dictionary<string, string?>
            {
                ["Worker__DataPath"] = folder.FullName,
                ["Checkpoints__Prefix"] = prefix,
            });
            (await RunAsync((await CurlLinesAsync(worker))[0])).ShouldContain("\"reached\":\"persisted\"");
            await worker.EndAsync(Patience);
        }

        await using (var archive = new SqliteArchive(new() { Path = Path.Combine(folder.FullName, "checkpoints.db") }, TimeProvider.System))
        {
            await archive.ClaimAsync("three", default);
        }

        folder.Delete(recursive: true);
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

    [Theory]
    [InlineData("Retention:Rules:0:KeepForever", "Retention__Rules__0__KeepForever=yes", "Retention__Rules__0__Executions=audit-*", "Retention__Rules__1__MaxAge=30.00:00:00")]
    [InlineData("Retention:Rules:0:Execution is no setting; Executions, MaxAge", "Retention__Rules__0__Execution=tmp-*", "Retention__Rules__0__MaxAge=1.00:00:00")]
    [InlineData("Retention:Rules:1:KeepLsat is no setting", "Retention__Rules__0__KeepLast=10", "Retention__Rules__1__MaxAge=1.00:00:00", "Retention__Rules__1__KeepLsat=10")]
    [InlineData("Retention:Rules:0:MaxAge", "Retention__Rules__0__MaxAge=30 days", "Retention__Rules__0__KeepLast=10")]
    [InlineData("Retention:Rules:0 is a value", "Retention__Rules__0=audit-*", "Retention__Rules__1__MaxAge=1.00:00:00")]
    [InlineData("Retention:Rule is no setting", "Retention__Rule__0__MaxAge=1.00:00:00")]
    [InlineData("'Postgress' at 'Jobs:Sources:x:Kind'", "Jobs__Sources__x__Kind=Postgress", "Jobs__Sources__x__ConnectionString=Host=db")]
    [InlineData("Jobs:BatchSise is no setting", "Jobs__BatchSise=10")]
    [InlineData("Checkpoints:Prefx is no setting", "Checkpoints__Prefx=other")]
    [InlineData("Checkpoints:Redis is no setting of the worker; set ConnectionStrings:Redis.", "Checkpoints__Redis=127.0.0.1:1", "Checkpoints__RabbitMq=amqp://127.0.0.1:1")]
    [InlineData("Checkpoints:RabbitMq is no setting of the worker; set ConnectionStrings:RabbitMq.", "checkpoints__rabbitmq=")]
    [InlineData("Otlp:EndPoints is no setting", "Otlp__EndPoints=http://127.0.0.1:4318")]
    [InlineData("Worker:DataPaht is no setting", "Worker__DataPaht=data")]
    [InlineData("Worker:Writers has settings below it", "Worker__Writers__Count=2")]
    public async Task Start_SettingMisspelt_EndsAndNamesIt(string reason, params string[] settings)
    {
        var environment = settings.Select(setting => setting.Split('=', 2)).ToDictionary(pair => pair[0], string? (pair) => pair[1]);
        await using var worker = await WorkerProcess.StartAsync(environment);
        (await worker.WaitForExitAsync(Patience)).ShouldBe(1);
        worker.Lines.ShouldContain(line => line.Contains(reason, StringComparison.Ordinal));

        var examined = await CliProcess.RunAsync(["doctor"], environment);
        (examined.ExitCode, examined.Error).ShouldBe((4, ""));
        examined.Output.ShouldContain("error\tsettings\tvalid\t");
        examined.Output.ShouldContain(reason);
    }

    [Theory]
    [InlineData("127.0.0.1:1,hots=b", "The connection string of Redis is not valid: Keyword 'hots'")]
    [InlineData("127.0.0.1:1,proxy=twemproxy", "The connection string of Redis has proxy=Twemproxy, which is not supported")]
    public async Task Start_RedisNamedInAWayThatIsNotSupported_EndsAndSaysSo(string redis, string reason)
    {
        var environment = new Dictionary<string, string?> { ["ConnectionStrings__Redis"] = redis, ["ConnectionStrings__RabbitMq"] = "amqp://127.0.0.1:1" };
        await using var worker = await WorkerProcess.StartAsync(environment);
        (await worker.WaitForExitAsync(Patience)).ShouldBe(1);
        worker.Lines.ShouldContain(line => line.Contains(reason, StringComparison.Ordinal));

        var examined = await CliProcess.RunAsync(["doctor"], environment);
        examined.ExitCode.ShouldBe(4);
        examined.Output.Split('\n').ShouldContain(line => line.StartsWith("error\tredis\tconnection string\t", StringComparison.Ordinal) && line.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Start_ChildrenOfWorkerThatAreBoundElsewhere_AreAllowed()
    {
        await using var worker = await WorkerProcess.StartAsync(new Dictionary<string, string?> { ["worker__http__requesttimeout"] = "00:00:30" });
        await worker.WaitForLineAsync(line => line.Contains("Listening on", StringComparison.Ordinal), Patience);
    }

    private static async Task<IReadOnlyList<string>> CurlLinesAsync(WorkerProcess worker)
    {
        await worker.WaitForLineAsync(line => line.Contains("curl", StringComparison.Ordinal) && line.EndsWith("/checkpoints'", StringComparison.Ordinal), Patience);
        return [.. worker.Lines.Where(line => line.TrimStart().StartsWith("curl ", StringComparison.Ordinal))];
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
