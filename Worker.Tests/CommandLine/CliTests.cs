using System.Globalization;
using System.Net.Http.Json;
using System.Runtime.Versioning;
using System.Text.Json;
using System.Text.RegularExpressions;
using AsyncCheckpoints.Tests.Jobs;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

/// <summary>A worker with two checkpoints of a demo execution, beside those of its archive.</summary>
public sealed class CliHost : IAsyncLifetime
{
    internal JobWorker Worker { get; } = new();

    public async Task InitializeAsync()
    {
        await using (var archive = Worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 100);
        }

        await Worker.StartAsync();
        foreach (var (id, state) in new[] { ("first", """{"step":1,"list":[1,2],"gone":true}"""), ("second", """{"step":2,"list":[1,2,3]}""") })
        {
            using var content = new StringContent(state);
            content.Headers.ContentType = new("application/json");
            var path = $"/executions/demo/checkpoints/{id}?node=plan&createdAt=2026-01-02T03:04:05Z{(id == "second" ? "&parentId=first" : "")}";
            (await Worker.Http.PutAsync(path, content)).EnsureSuccessStatusCode();
        }
    }

    public async Task DisposeAsync() => await Worker.DisposeAsync();
}

public sealed class CliTests(CliHost host) : IClassFixture<CliHost>
{
    private string Url => host.Worker.Http.BaseAddress!.ToString();

    [Fact]
    public async Task GetAndLatest_WriteTheStateByteForByte()
    {
        (await RunAsync("get", "demo", "first")).ShouldBe("""{"step":1,"list":[1,2],"gone":true}""");
        (await RunAsync("latest", "demo")).ShouldBe("""{"step":2,"list":[1,2,3]}""");
        var json = JsonElement.Parse(await RunAsync("latest", "demo", "--json"));
        json.GetProperty("id").GetString().ShouldBe("second");
        json.GetProperty("parentId").GetString().ShouldBe("first");
    }

    [Theory]
    [InlineData(3, "get", "demo", "none", "--output")]
    [InlineData(3, "latest", "none", "--output")]
    [InlineData(3, "latest", "none", "--json", "--output")]
    [InlineData(5, "get", "demo", "first", "--url", "http://127.0.0.1:9", "--output")]
    [InlineData(5, "export", "--url", "http://127.0.0.1:9")]
    public async Task Output_NoAnswer_TheFileStays(int code, params string[] arguments)
    {
        var folder = Directory.CreateDirectory(Path.Combine(host.Worker.Folder, Guid.NewGuid().ToString("N"))).FullName;
        var file = Path.Combine(folder, "state.json");
        await File.WriteAllTextAsync(file, "the last good one");
        string[] url = arguments.Contains("--url") ? [] : ["--url", Url];
        var result = await CliProcess.RunAsync([.. arguments, file, .. url]);
        result.ExitCode.ShouldBe(code, result.Error);
        (await File.ReadAllTextAsync(file)).ShouldBe("the last good one");
        Directory.GetFiles(folder).ShouldBe([file]);
    }

    [Fact]
    [SupportedOSPlatform("linux")]
    public async Task Output_FileOrLink_IsReplacedWithItsRights()
    {
        var folder = Directory.CreateDirectory(Path.Combine(host.Worker.Folder, Guid.NewGuid().ToString("N"))).FullName;
        var (file, link, missing) = (Path.Combine(folder, "state.json"), Path.Combine(folder, "link"), Path.Combine(folder, "new"));
        await File.WriteAllTextAsync(file, new string('x', 1000));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.CreateSymbolicLink(link, file);

        (await RunAsync("get", "demo", "first", "--output", link)).ShouldBe("");
        (await File.ReadAllTextAsync(file)).ShouldBe("""{"step":1,"list":[1,2],"gone":true}""");
        File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        new FileInfo(link).LinkTarget.ShouldBe(file);

        await RunAsync("latest", "demo", "--json", "--output", missing);
        JsonElement.Parse(await File.ReadAllTextAsync(missing)).GetProperty("id").GetString().ShouldBe("second");
        Directory.GetFiles(folder).Order().ShouldBe([link, missing, file]);

        var nowhere = await CliProcess.RunAsync("get", "demo", "first", "--output", Path.Combine(folder, "none", "x"), "--url", Url);
        (nowhere.ExitCode, nowhere.Output).ShouldBe((1, ""));
        nowhere.Error.ShouldContain(folder);
        (await RunAsync("get", "demo", "first", "--output", "/dev/stdout")).ShouldBe("""{"step":1,"list":[1,2],"gone":true}""");
    }

    [Fact]
    public async Task List_Plain_IsColumnsWithTabs() => Masked(await RunAsync("list", "demo")).ShouldBe(
        """
        second		<n>	plan	first	2026-01-02T03:04:05+00:00
        first		<n>	plan	-	2026-01-02T03:04:05+00:00

        """);

    [Fact]
    public async Task List_Json_IsOneObjectALine() => Masked(await RunAsync("list", "demo", "--json", "--limit", "1")).ShouldBe(
        """
        {"executionId":"demo","namespace":"","id":"second","parentId":"first","sequence":<n>,"node":"plan","version":0,"contentType":"application/json","createdAt":"2026-01-02T03:04:05+00:00","metadata":null}

        """);

    [Fact]
    public async Task List_WithoutExecution_ListsExecutions()
    {
        (await RunAsync("list", "--prefix", "e-")).ShouldBe("e-000000\ne-000001\n");
        (await RunAsync("list", "--prefix", "e-", "--limit", "1", "--json")).ShouldBe("{\"executionId\":\"e-000000\"}\n");
        (await RunAsync("list", "--contains", "00001")).ShouldBe("e-000001\n");
        (await RunAsync("list", "--contains", "00001", "--prefix", "x")).ShouldBe("");
    }

    [Fact]
    public async Task Diff_TwoStates_ListsMembersAndEndsWith4()
    {
        (await RunAsync(4, "diff", "demo", "first", "second")).ShouldBe("state.step\t1\t2\nstate.list[2]\t-\t3\nstate.gone\ttrue\t-\n");
        (await RunAsync(4, "diff", "demo", "first", "second", "--json")).Split('\n')[0].ShouldBe("""{"path":"state.step","first":"1","second":"2"}""");
        (await RunAsync(0, "diff", "demo", "first", "first")).ShouldBe("");
    }

    [Fact]
    public async Task Verify_Plain_WritesProgressApartFromTheResult()
    {
        var result = await CliProcess.RunAsync("verify", "--prefix", "e-", "--url", Url);
        result.ExitCode.ShouldBe(0, result.Error);
        Regex.Replace(result.Output, "^[0-9a-f]{32}", "<id>").ShouldBe("<id>\tverify\tcompleted\t100/100\tfindings=0\tchecked=100 compared=0\t-\n");
    }

    [Fact]
    public async Task Verify_OneExecution_CountsNoOtherThatStartsLikeIt()
    {
        using var content = new StringContent("x");
        (await host.Worker.Http.PutAsync("/executions/e-000000-fork/checkpoints/a?namespace=other", content)).EnsureSuccessStatusCode();
        (await RunAsync("verify", "--execution", "e-000000")).ShouldContain("\tverify\tcompleted\t50/50\t");
        (await host.Worker.Http.DeleteAsync("/executions/e-000000-fork")).EnsureSuccessStatusCode();
    }

    [Fact]
    public async Task Verify_Json_IsTheJob()
    {
        var job = JsonElement.Parse(await RunAsync("verify", "--prefix", "e-", "--json"));
        job.GetProperty("state").GetString().ShouldBe("completed");
        job.GetProperty("counts").GetRawText().ShouldBe("""{"checked":100,"compared":0}""");
    }

    [Fact]
    public async Task ExportThenImport_RoundTrips()
    {
        var file = Path.Combine(host.Worker.Folder, "out.jsonl.gz");
        (await CliProcess.RunAsync("export", file, "--execution", "demo", "--url", Url)).Error.ShouldBe("exported 2 checkpoints\n");
        var lines = (await RunAsync("export", "--execution", "demo")).Replace("\"executionId\":\"demo\"", "\"executionId\":\"copy\"", StringComparison.Ordinal);
        var imported = await CliProcess.RunAsync(["import", "--url", Url, "--json"], null, lines);
        imported.ShouldBe(new CliProcess.Result(0, "{\"imported\":2}\n", ""));
        (await RunAsync("latest", "copy")).ShouldBe("""{"step":2,"list":[1,2,3]}""");
        (await CliProcess.RunAsync("import", file, "--url", Url)).ShouldBe(new CliProcess.Result(0, "imported\t2\n", ""));
    }

    [Fact]
    public async Task Export_Json_WritesNothingElse()
    {
        var file = Path.Combine(host.Worker.Folder, "quiet.jsonl");
        (await CliProcess.RunAsync("export", file, "--execution", "demo", "--json", "--url", Url)).ShouldBe(new CliProcess.Result(0, "{\"exported\":2}\n", ""));
        (await CliProcess.RunAsync("export", "--execution", "demo", "--json", "--url", Url))
            .ShouldBe(new CliProcess.Result(0, await File.ReadAllTextAsync(file), ""));
    }

    [Fact]
    public async Task ExportThenImport_OnATerminal_ShowABar()
    {
        var file = Path.Combine(host.Worker.Folder, "seen.jsonl");
        var exported = await CliProcess.RunOnTerminalAsync("export", file, "--execution", "demo", "--url", Url);
        exported.ExitCode.ShouldBe(0, exported.Output);
        exported.Output.ShouldContain("export 2");
        exported.Output.ShouldContain("100%");
        exported.Output.ShouldContain("exported 2 checkpoints");

        var imported = await CliProcess.RunOnTerminalAsync("import", file, "--url", Url);
        imported.ExitCode.ShouldBe(0, imported.Output);
        imported.Output.ShouldContain("import 2");
        imported.Output.ShouldContain("100%");
        imported.Output.ShouldMatch("imported\\s+2\\s");
    }

    [Theory]
    [InlineData("new.jsonl", null)]
    [InlineData("emptied.jsonl", "")]
    [InlineData("old.jsonl", "the last good one")]
    [InlineData("old.jsonl.gz", "the last good one")]
    public async Task Export_ToAFile_IsWhatImportTakes(string name, string? before)
    {
        var file = Path.Combine(Directory.CreateDirectory(Path.Combine(host.Worker.Folder, Guid.NewGuid().ToString("N"))).FullName, name);
        if (before is not null)
        {
            await File.WriteAllTextAsync(file, before);
        }

        (await RunAsync("export", file, "--execution", "demo")).ShouldBe("");
        Directory.GetFiles(Path.GetDirectoryName(file)!).ShouldBe([file]);
        (await CliProcess.RunAsync("import", file, "--url", Url)).ShouldBe(new CliProcess.Result(0, "imported\t2\n", ""));
    }

    [Theory]
    [InlineData("msgpack")]
    [InlineData("text/plain;charset=utf-8")]
    [InlineData("größe, in Bytes; b=")]
    public async Task Import_OverTheOriginal_ChangesNothing(string contentType)
    {
        var execution = $"types-{Guid.NewGuid():N}";
        var line = $$"""{"executionId":"{{execution}}","id":"a","contentType":"{{contentType}}","state":"AAEC","createdAt":"2026-01-02T03:04:05Z"}""";
        (await CliProcess.RunAsync(["import", "--url", Url], null, line)).Output.ShouldBe("imported\t1\n");
        var exported = await RunAsync("export", "--execution", execution);
        JsonElement.Parse(exported).GetProperty("contentType").GetString().ShouldBe(contentType);
        (await CliProcess.RunAsync(["import", "--url", Url], null, exported)).Output.ShouldBe("imported\t1\n");
        (await RunAsync("export", "--execution", execution)).ShouldBe(exported);
    }

    [Fact]
    public async Task Export_OfNothing_IsAGzipFile()
    {
        var file = Path.Combine(host.Worker.Folder, "none.jsonl.gz");
        (await CliProcess.RunAsync("export", file, "--prefix", "nobody", "--url", Url)).Error.ShouldBe("exported 0 checkpoints\n");
        await GzipTool.ShouldBeEmptyAsync(await File.ReadAllBytesAsync(file));
        (await CliProcess.RunAsync("import", file, "--url", Url)).Output.ShouldBe("imported\t0\n");
    }

    [Fact]
    public async Task Jobs_DetachedListedWatchedCancelled()
    {
        var job = JsonElement.Parse(await RunAsync("verify", "--prefix", "e-", "--rate", "1", "--detach", "--json")).GetProperty("id").GetString()!;
        (await RunAsync("jobs", "list", "--json")).ShouldContain(job);
        (await RunAsync("jobs", "cancel", job)).ShouldStartWith(job);
        (await RunAsync(130, "jobs", "watch", job)).ShouldContain("\tcancelled\t");
        (await RunAsync("jobs", "show", job)).ShouldContain("\tverify\t");
    }

    [Theory]
    [InlineData("INT", "e-0000")]
    [InlineData("TERM", "e-00000")]
    public async Task Interrupted_Job_IsCancelledToo(string signal, string prefix)
    {
        using var interrupt = new CancellationTokenSource();
        var running = CliProcess.RunAsync(["verify", "--rate", "1", "--prefix", prefix, "--url", Url], null, null, signal, interrupt: interrupt.Token);
        string? id = null;
        await Pipeline.Deployment.UntilAsync(
            async () =>
            {
                var jobs = await host.Worker.Http.GetFromJsonAsync<JsonElement>("/jobs?limit=1000");
                id = jobs.GetProperty("items").EnumerateArray()
                    .Where(item => item.GetProperty("arguments").GetRawText().Contains($"{prefix}\"", StringComparison.Ordinal))
                    .Select(item => item.GetProperty("id").GetString()).FirstOrDefault();
                return id is not null;
            },
            "the job was added");
        await interrupt.CancelAsync();
        (await running).ExitCode.ShouldBe(130);
        (await host.Worker.WaitAsync(id!)).GetProperty("state").GetString().ShouldBe("cancelled");
    }

    [Fact]
    public async Task Watch_WorkerAwayForAMoment_GoesOn()
    {
        await using var proxy = Servers.TcpProxy.Start(host.Worker.Http.BaseAddress!.Port);
        var id = await host.Worker.PostAsync("verify", new { executionPrefix = "e-" }, 1);
        var begun = new TaskCompletionSource();
        var watching = CliProcess.RunAsync(["jobs", "watch", id, "--url", $"http://127.0.0.1:{proxy.Port}"], null, onError: _ => begun.TrySetResult());
        await begun.Task;
        await proxy.CutAsync();
        (await host.Worker.Http.PostAsync($"/jobs/{id}/cancel", null)).EnsureSuccessStatusCode();
        await host.Worker.WaitAsync(id);

        // Some polls long.
        await Task.Delay(TimeSpan.FromSeconds(1));
        watching.IsCompleted.ShouldBeFalse();
        proxy.Restore();
        var result = await watching;
        (result.ExitCode, result.Output.Contains("\tcancelled\t", StringComparison.Ordinal)).ShouldBe((130, true), result.Error);
    }

    [Fact]
    public async Task Erase_Pattern_TakesWhatItCountedBefore()
    {
        foreach (var execution in new[] { "person-1", "person-2", "person-10" })
        {
            using var content = new StringContent("x");
            (await host.Worker.Http.PutAsync($"/executions/{execution}/checkpoints/a", content)).EnsureSuccessStatusCode();
        }

        WithoutId(await RunAsync("erase", "--executions", "person-?", "--dry-run"))
            .ShouldBe("<id>\terase\tcompleted\t4/-\tfindings=0\twouldErase=2 wouldEraseLetters=0\t-\n");
        (await RunAsync("latest", "person-1")).ShouldBe("x");
        WithoutId(await RunAsync("erase", "--executions", "person-?")).ShouldBe("<id>\terase\tcompleted\t4/-\tfindings=0\terased=2 lettersErased=0\t-\n");
        (await RunAsync(3, "latest", "person-1")).ShouldBe("");
        (await RunAsync("list", "--contains", "person")).ShouldBe("person-10\n");
        (await RunAsync("latest", "person-10")).ShouldBe("x");

        static string WithoutId(string line) => Regex.Replace(line, "^[0-9a-f]{32}", "<id>");
    }

    [Fact]
    public async Task Erase_Json_IsTheJob()
    {
        using var content = new StringContent("x");
        (await host.Worker.Http.PutAsync("/executions/somebody/checkpoints/a?metadata={\"person\":\"4711\"}", content)).EnsureSuccessStatusCode();
        CliText.Masked(await RunAsync("erase", "--executions", "somebody", "--metadata", """{"person":"4711"}""", "--json")).ShouldBe(
            """
            {"id":"<id>","kind":"erase","state":"completed","arguments":{"executions":"somebody","metadata":{"person":"4711"},"dryRun":false},"priority":0,"itemsPerSecond":null,"attempts":1,"maxAttempts":20,"done":2,"total":null,"rate":<n>,"etaSeconds":null,"counts":{"erased":1,"lettersErased":0},"findings":0,"error":null,"cancelRequested":false,"createdAt":"<time>","scheduledAt":"<time>","startedAt":"<time>","updatedAt":"<time>","finishedAt":"<time>"}

            """);
    }

    [Theory]
    [InlineData(1, "select everything")]
    [InlineData(1, "select everything", "--executions", "*")]
    [InlineData(1, "at least one member", "--metadata", "{}")]
    [InlineData(2, "--metadata is not JSON", "--metadata", "{")]
    public async Task Erase_OfEverythingOrUnreadable_IsRefused(int code, string reason, params string[] arguments)
    {
        var result = await CliProcess.RunAsync(["erase", .. arguments, "--url", Url]);
        (result.ExitCode, result.Output).ShouldBe((code, ""), result.Error);
        result.Error.ShouldContain(reason);
    }

    [Fact]
    public async Task Replay_Namespace_TakesOnlyThat() =>
        (await RunAsync("replay", "events", "--execution", "e-000000", "--namespace", "sub")).ShouldContain("\treplay\tcompleted\t10/");

    [Theory]
    [InlineData("retry")]
    [InlineData("discard")]
    public async Task DeadLetters_OfAnExecution_AreAskedForSo(string verb)
    {
        var job = JsonElement.Parse(await RunAsync("dead-letters", verb, "--execution", "nobody", "--json"));
        job.GetProperty("arguments").GetProperty("execution").GetString().ShouldBe("nobody");
        job.GetProperty("state").GetString().ShouldBe("completed");
    }

    [Fact]
    public async Task Job_OnATerminal_ShowsABar()
    {
        var result = await CliProcess.RunOnTerminalAsync("verify", "--prefix", "e-", "--url", Url);
        result.ExitCode.ShouldBe(0, result.Output);
        result.Output.ShouldContain("100%");
        result.Output.ShouldMatch("\\sverify\\s+completed\\s+100/100\\s");
        result.Output.ShouldNotContain("verify running");
    }

    [Fact]
    public async Task DeadLetters_None_ListsNothing()
    {
        (await RunAsync("dead-letters", "list")).ShouldBe("");
        (await RunAsync(3, "dead-letters", "show", "9")).ShouldBe("");
        (await RunAsync("dead-letters", "retry", "--all")).ShouldContain("dead-letter-retry\tcompleted");
    }

    [Theory]
    [InlineData(2, "nothing")]
    [InlineData(2, "get", "demo")]
    [InlineData(2, "list", "--no-such-option")]
    [InlineData(2, "--json", "list")]
    [InlineData(2, "--json", "doctor")]
    [InlineData(2, "--url", "http://127.0.0.1:9", "jobs", "list")]
    [InlineData(2, "--Worker:DataPath=list", "list")]
    [InlineData(2, "--dry-run")]
    [InlineData(2, "serve", "--dry-run")]
    [InlineData(2, "serve", "now")]
    [InlineData(2, "serve", "--urls")]
    [InlineData(2, "serve", "--Worker:DataPath")]
    [InlineData(2, "doctor", "--dry-run")]
    [InlineData(2, "doctor", "--verbose", "--json")]
    [InlineData(1, "--Worker:Writers", "list")]
    [InlineData(3, "get", "demo", "none")]
    [InlineData(3, "jobs", "show", "none")]
    [InlineData(1, "replay", "nowhere")]
    [InlineData(1, "backfill", "nowhere")]
    [InlineData(0, "--help")]
    [InlineData(0, "serve", "--help")]
    public async Task ExitCodes_AreAsDocumented(int code, params string[] arguments) =>
        (await CliProcess.RunAsync(arguments, new Dictionary<string, string?> { ["CHECKPOINTS_URL"] = Url })).ExitCode.ShouldBe(code);

    [Fact]
    public async Task NoWorker_SaysSoAndEndsWith5()
    {
        var result = await CliProcess.RunAsync("list", "--url", "http://127.0.0.1:9");
        (result.ExitCode, result.Output).ShouldBe((5, ""));
        result.Error.ShouldContain("No worker answers");
    }

    [Fact]
    public async Task Suggest_CompletesVerbs() => (await CliProcess.RunAsync("[suggest:2]", "re")).Output.Split('\n').ShouldContain("replay");

    [Fact]
    public async Task Migrate_NewFile_ThenNothingToDo()
    {
        var folder = Directory.CreateDirectory(Path.Combine(host.Worker.Folder, "migrated")).FullName;
        (await CliProcess.RunAsync("migrate", $"--Worker:DataPath={folder}")).Output.ShouldMatch("^sqlite\t[1-9]+ migrations were applied\n$");
        (await CliProcess.RunAsync("migrate", "--json", $"--Worker:DataPath={folder}")).Output.ShouldBe("{\"archive\":\"sqlite\",\"applied\":0}\n");
    }

    [Fact]
    public async Task Migrate_SettingsOfTheEnvironment_AreThoseOfServe()
    {
        var environment = $"T{Guid.NewGuid():N}";
        var folder = Directory.CreateDirectory(Path.Combine(host.Worker.Folder, environment)).FullName;
        var settings = Path.Combine(AppContext.BaseDirectory, $"appsettings.{environment}.json");
        try
        {
            await File.WriteAllTextAsync(settings, JsonSerializer.Serialize(new { Worker = new { DataPath = folder } }));
            var migrated = await CliProcess.RunAsync(["migrate"], new Dictionary<string, string?> { ["DOTNET_ENVIRONMENT"] = environment });
            migrated.ExitCode.ShouldBe(0, migrated.Error);
            File.Exists(Path.Combine(folder, "checkpoints.db")).ShouldBeTrue(migrated.Output);
        }
        finally
        {
            File.Delete(settings);
        }
    }

    [Theory]
    [InlineData("--dry-run")]
    [InlineData("--dry-run=true")]
    [InlineData("--dry-run", "true")]
    [InlineData("-n")]
    [InlineData("now")]
    [InlineData("--schema", "other")]
    [InlineData("--", "--dry-run")]
    public async Task Migrate_WhatIsNoSetting_ChangesNothing(params string[] arguments)
    {
        var folder = Path.Combine(host.Worker.Folder, $"untouched-{Guid.NewGuid():N}");
        var result = await CliProcess.RunAsync(["migrate", .. arguments, $"--Worker:DataPath={folder}"], null);
        (result.ExitCode, result.Output).ShouldBe((2, ""), result.Error);
        result.Error.ShouldContain(arguments[^1] == "--dry-run" ? "'--dry-run'" : $"'{arguments[0]}'");
        Directory.Exists(folder).ShouldBeFalse();
    }

    [Theory]
    [InlineData("--Worker:DataPath=")]
    [InlineData("--environment", "Staging", "--Worker:DataPath=")]
    [InlineData("/Worker:DataPath=")]
    [InlineData("--urls=http://127.0.0.1:0", "--json", "Worker:DataPath=")]
    public async Task Migrate_SettingsInEachForm_AreTaken(params string[] arguments)
    {
        var folder = Path.Combine(host.Worker.Folder, $"formed-{Guid.NewGuid():N}");
        var result = await CliProcess.RunAsync(["migrate", .. arguments[..^1], $"{arguments[^1]}{folder}"], null);
        result.ExitCode.ShouldBe(0, result.Error);
        File.Exists(Path.Combine(folder, "checkpoints.db")).ShouldBeTrue(result.Output);
    }

    private static string Masked(string text) => Regex.Replace(text, "[0-9]{16}", "<n>");

    private Task<string> RunAsync(params string[] arguments) => RunAsync(0, arguments);

    private async Task<string> RunAsync(int code, params string[] arguments)
    {
        var result = await CliProcess.RunAsync([.. arguments, "--url", Url]);
        result.ExitCode.ShouldBe(code, string.Create(CultureInfo.InvariantCulture, $"{result.Output}{result.Error}"));
        return result.Output;
    }
}
