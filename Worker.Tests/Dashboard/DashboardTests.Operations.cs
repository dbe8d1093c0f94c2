using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Playwright;
using Shouldly;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AsyncCheckpoints.Tests.Dashboard;

public sealed partial class DashboardTests
{
    /// <summary>A telephone's.</summary>
    private const int Narrow = 380;

    [Theory]
    [InlineData(Narrow)]
    [InlineData(1280)]
    public Task Job_StartedAndCancelled_AndAudited(int width) => _host.LookAsync(
        "/#/jobs",
        async page =>
        {
            await page.GetByText("Start a job").ClickAsync();
            await page.GetByLabel("Kind").SelectOptionAsync("verify");
            await page.GetByLabel("Executions that start with").FillAsync("bulk-");
            await page.GetByLabel("At most per second").FillAsync("7");
            await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync();
            var job = page.Locator(".job").First;
            await Expect(job.Locator(".job-state")).ToHaveTextAsync("running");
            await Expect(job.Locator(".figures")).ToContainTextAsync("per second");
            await Expect(job.Locator(".figures")).ToContainTextAsync("left");
            await job.GetByText("Details").ClickAsync();
            await Expect(job).ToContainTextAsync("{\"executionPrefix\":\"bulk-\"}");
            (await OverflowAsync(page)).ShouldBe(0);

            var cancel = job.GetByRole(AriaRole.Button, new() { Name = "Cancel" });
            await cancel.ClickAsync();
            (await OverflowAsync(page)).ShouldBe(0);
            await page.GetByRole(AriaRole.Button, new() { Name = "Keep" }).ClickAsync();
            await Expect(cancel).ToBeFocusedAsync();
            await cancel.ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Cancel job" }).ClickAsync();
            await Expect(job.Locator(".job-state")).ToHaveTextAsync("cancelled");
            await Expect(cancel).ToBeHiddenAsync();
            // It stayed open while it was renewed.
            await Expect(job.GetByText("Nothing was found.")).ToBeVisibleAsync();

            await page.GetByRole(AriaRole.Link, new() { Name = "Audit" }).ClickAsync();
            await Expect(page.Locator("tr").Filter(new() { HasText = "job.cancel" }).First).ToBeVisibleAsync();
            await Expect(page.Locator("tr").Filter(new() { HasText = "job.start" }).First).ToContainTextAsync("verify");
            (await OverflowAsync(page)).ShouldBe(0);
        },
        width);

    [Fact]
    public Task Job_ThatDeletes_IsAskedAboutOnce() => _host.LookAsync("/#/jobs", async page =>
    {
        await page.GetByText("Start a job").ClickAsync();
        await page.GetByLabel("Kind").SelectOptionAsync("retention");
        await page.GetByLabel("Keep the newest").FillAsync("1");
        await page.GetByLabel("Only executions that start with").FillAsync("nobody");
        var start = page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true });
        var sure = page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Start" });
        await start.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Started retention.");

        await page.GetByLabel("Only count").UncheckAsync();
        await start.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("cannot be brought back");
        await page.Keyboard.PressAsync("Escape");
        await Expect(start).ToBeFocusedAsync();
        (await ListAsync("jobs?kind=retention")).Count.ShouldBe(1);
        await start.ClickAsync();
        await sure.ClickAsync();
        await Expect(page.Locator(".job").Filter(new() { HasText = "retention" })).ToHaveCountAsync(2);
        (await ListAsync("jobs?kind=retention"))[0].GetProperty("arguments").GetRawText()
            .ShouldBe("""{"executionPrefix":"nobody","rules":[{"keepLast":1}]}""");
    });

    [Fact]
    public Task Job_LargeNumberInMetadata_IsSentAndShownAsItWasWritten() => _host.LookAsync("/#/jobs", async page =>
    {
        const string filter = """{"userId":1234567890123456789}""";
        await page.GetByText("Start a job").ClickAsync();
        await page.GetByLabel("Kind").SelectOptionAsync("erase");
        await page.GetByLabel("Executions like").FillAsync("numbered");
        await page.GetByLabel("Metadata").FillAsync(filter);
        await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Started erase.");
        (await ListAsync("jobs?kind=erase"))[0].GetProperty("arguments").GetProperty("metadata").GetRawText().ShouldBe(filter);
        var job = page.Locator(".job").Filter(new() { HasText = "erase" }).First;
        await job.GetByText("Details").ClickAsync();
        await Expect(job).ToContainTextAsync($$"""{"executions":"numbered","metadata":{{filter}},"dryRun":true}""");
        await Expect(job.Locator(".counts")).ToContainTextAsync("wouldErase 1");
    });

    [Fact]
    public Task Job_NotValid_SaysWhy() => _host.LookAsync(
        "/#/jobs",
        async page =>
        {
            await page.GetByText("Start a job").ClickAsync();
            await page.GetByLabel("Kind").SelectOptionAsync("replay");
            await page.GetByLabel("To", new() { Exact = true }).FillAsync("cache");
            await page.GetByLabel("Metadata").FillAsync("{");
            await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync();
            await Expect(page.GetByText("Metadata is not valid.")).ToBeVisibleAsync();
            await page.GetByLabel("Metadata").FillAsync("");
            await page.GetByLabel("To", new() { Exact = true }).FillAsync("nowhere");
            await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync();
            await Expect(page.Locator("form .problem")).ToContainTextAsync("nowhere");
        },
        expectedStatus: 400);

    [Fact]
    public Task DeadLetters_ShownRetriedDiscarded() => _host.LookAsync(
        "/#/dead-letters",
        async page =>
        {
            var good = page.Locator(".letter").Filter(new() { HasText = "It was too large" });
            var bad = page.Locator(".letter").Filter(new() { HasText = "Not readable <img src=x onerror=alert(1)>" });
            await Expect(page.Locator(".letter")).ToHaveCountAsync(3);
            await bad.GetByText("Payload").ClickAsync();
            await Expect(bad.Locator("pre")).ToHaveTextAsync("hello <b>there</b>");
            (await OverflowAsync(page)).ShouldBe(0);

            await RetryAsync(good);
            await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("It is archived now.");
            await Expect(good).ToHaveCountAsync(0);
            (await ListAsync("executions/revived/checkpoints")).Count.ShouldBe(1);
            (await OverflowAsync(page)).ShouldBe(0);

            await page.SetViewportSizeAsync(1280, 720);
            await RetryAsync(bad);
            await Expect(page.Locator("#alert")).ToContainTextAsync("It stays a dead letter.");
            await Expect(bad).ToHaveCountAsync(1);

            await bad.GetByRole(AriaRole.Button, new() { Name = "Discard" }).ClickAsync();
            await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Discard" }).ClickAsync();
            await Expect(page.Locator(".letter")).ToHaveCountAsync(1);
            (await ListAsync("audit")).Select(entry => entry.GetProperty("action").GetString()).ShouldContain("dead-letter.discard");

            async Task RetryAsync(ILocator letter)
            {
                await letter.GetByRole(AriaRole.Button, new() { Name = "Retry" }).ClickAsync();
                (await OverflowAsync(page)).ShouldBe(0);
                await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Retry" }).ClickAsync();
            }
        },
        width: Narrow,
        expectedStatus: 422);

    [Fact]
    public Task Deletions_AskedAboutOnce_AndAudited() => _host.LookAsync("/#/executions?execution=doomed", async page =>
    {
        await page.Locator(".timeline a").Nth(2).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Keep" }).ClickAsync();
        await Expect(page.Locator(".timeline li")).ToHaveCountAsync(6);
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete checkpoint" }).ClickAsync();
        await Expect(page.Locator(".timeline li")).ToHaveCountAsync(5);
        await Expect(page.Locator(".execution h2")).ToBeFocusedAsync();

        await page.GetByRole(AriaRole.Button, new() { Name = "Clear execution" }).ClickAsync();
        await Expect(page.Locator("dialog .subject")).ToHaveTextAsync("doomed");
        await page.GetByRole(AriaRole.Dialog).GetByRole(AriaRole.Button, new() { Name = "Clear execution" }).ClickAsync();
        await Expect(page.GetByText("Choose an execution")).ToBeVisibleAsync();
        (await ListAsync("executions?prefix=doomed")).ShouldBeEmpty();
        (await ListAsync("audit")).Where(entry => entry.GetProperty("subject").GetString() == "doomed")
            .Select(entry => $"{entry.GetProperty("action").GetString()} {entry.GetProperty("detail").GetString()}")
            .ShouldBe(["execution.clear ", "checkpoint.delete c-3"]);
    });

    private async Task<IReadOnlyList<JsonElement>> ListAsync(string path) =>
        [.. (await _host.Worker.Http.GetFromJsonAsync<JsonElement>($"/{path}")).GetProperty("items").EnumerateArray()];
}
