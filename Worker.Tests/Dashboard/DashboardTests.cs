using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Servers;
using Microsoft.Playwright;
using Shouldly;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AsyncCheckpoints.Tests.Dashboard;

/// <summary>The dashboard as people see it: in a browser, on a worker.</summary>
[Collection(DashboardTestGroup.Name)]
public sealed partial class DashboardTests
{
    private readonly DashboardHost _host;

    public DashboardTests(DashboardHost host)
    {
        _host = host;
        SetDefaultExpectTimeout(Chromium.PatienceMilliseconds);
    }

    [Fact]
    public Task Live_ShowsFiguresHealthAndCharts() => _host.LookAsync("/", async page =>
    {
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Live" })).ToBeVisibleAsync();
        await Expect(Tile(page, "In the archive")).ToContainTextAsync("100,");
        await Expect(page.Locator(".tile.bad .name")).ToHaveTextAsync(["Dead letters"]);
        await Expect(Tile(page, "Pending")).ToHaveTextAsync("0");
        await Expect(Tile(page, "Queue")).ToHaveTextAsync("0");
        await Expect(Tile(page, "Saves")).ToHaveTextAsync("0");
        await Expect(page.GetByText("All parts answer")).ToBeVisibleAsync();
        await Expect(page.Locator(".parts li.healthy").Filter(new() { HasText = "sqlite" })).ToBeVisibleAsync();
        await Expect(page.Locator(".chart")).ToHaveCountAsync(4);

        // Two lines; more where a sample could not be had on a busy machine.
        await Expect(page.Locator(".chart").First.Locator("polyline").Nth(1)).ToBeAttachedAsync();

        // The keyboard reads a chart too.
        var chart = page.GetByRole(AriaRole.Img, new() { Name = "Dead letters." });
        await chart.FocusAsync();
        await page.Keyboard.PressAsync("ArrowLeft");
        await Expect(chart.Locator(".cursor")).ToHaveCountAsync(1);
    });

    [Fact]
    public async Task Live_CommandsThatTheBrokerGaveUp_AreToldOfTheQueue()
    {
        await using var worker = new JobWorker();
        await RawQueue.PublishDeadAsync(SharedServers.RabbitMq, worker.UseServers(), "one"u8.ToArray(), "two"u8.ToArray());
        await worker.StartAsync();
        await _host.LookAsync(
            "/",
            async page =>
            {
                await Expect(page.Locator(".tile.bad .name")).ToHaveTextAsync(["Queue"]);
                await Expect(page.Locator(".tile.bad .unit")).ToHaveTextAsync(["waiting, 2 dead"]);
            },
            address: worker.Http.BaseAddress);
    }

    [Fact]
    public Task Live_WhileNobodySeesIt_AsksNothing() => _host.LookAsync("/#/audit", async page =>
    {
        await page.Clock.InstallAsync();
        await page.GotoAsync("/#/live");
        await Expect(Tile(page, "Pending")).ToHaveTextAsync("0");
        await page.EvaluateAsync("Object.defineProperty(document, 'hidden', { configurable: true, get: () => true })");
        var asked = 0;
        page.Request += (_, _) => asked++;
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        asked = 0;
        await page.Clock.RunForAsync(30_000);
        asked.ShouldBe(0);

        await page.RunAndWaitForRequestAsync(
            () => page.EvaluateAsync("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"), request => request.Url.EndsWith("/stats", StringComparison.Ordinal));
    });

    [Fact]
    public Task Search_Among100000_FindsAndPages() => _host.LookAsync("/#/executions", async page =>
    {
        var items = page.Locator(".ids a");
        var search = page.GetByLabel("Id starts with");
        await search.FillAsync("bulk-");
        await Expect(items).ToHaveCountAsync(50);
        await Expect(items.First).ToHaveTextAsync(DashboardHost.BulkId(0));
        await page.GetByRole(AriaRole.Button, new() { Name = "Next" }).ClickAsync();
        await Expect(items.First).ToHaveTextAsync(DashboardHost.BulkId(50));
        await page.GetByRole(AriaRole.Button, new() { Name = "Previous" }).ClickAsync();
        await Expect(items.First).ToHaveTextAsync(DashboardHost.BulkId(0));

        await search.FillAsync("bulk-0999");
        await Expect(items.First).ToHaveTextAsync(DashboardHost.BulkId(99_900));
        await page.GetByRole(AriaRole.Button, new() { Name = "Next" }).ClickAsync();
        await Expect(items.Last).ToHaveTextAsync(DashboardHost.BulkId(99_999));

        await search.FillAsync(DashboardHost.BulkId(77_777));
        await Expect(items).ToHaveCountAsync(1);
        await items.First.ClickAsync();
        await Expect(page.Locator(".timeline li")).ToHaveCountAsync(1);

        await search.FillAsync("nobody");
        await Expect(page.GetByText("No execution starts with this.")).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("0 executions.");
    });

    [Fact]
    public Task Search_AnywhereAmong100000_FindsAndPages() => _host.LookAsync("/#/executions", async page =>
    {
        var items = page.Locator(".ids a");
        var search = page.GetByLabel("Id starts with");
        await search.FillAsync("9999");
        await Expect(page.GetByText("No execution starts with this.")).ToBeVisibleAsync();
        await page.GetByLabel("Or has this anywhere in it").CheckAsync();

        // 09999, 19999, … 89999, and 99990 to 99999.
        await Expect(items).ToHaveCountAsync(19);
        await Expect(items.First).ToHaveTextAsync(DashboardHost.BulkId(9_999));
        await Expect(items.Last).ToHaveTextAsync(DashboardHost.BulkId(99_999));
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("19 executions.");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Next" })).ToBeDisabledAsync();

        await search.FillAsync("77");
        await Expect(items).ToHaveCountAsync(50);
        await Expect(items.First).ToHaveTextAsync(DashboardHost.BulkId(77));
        await page.GetByRole(AriaRole.Button, new() { Name = "Next" }).ClickAsync();
        await Expect(items).ToHaveCountAsync(50);
        await Expect(items.First).Not.ToHaveTextAsync(DashboardHost.BulkId(77));
        await page.GetByRole(AriaRole.Button, new() { Name = "Previous" }).ClickAsync();
        await Expect(items.First).ToHaveTextAsync(DashboardHost.BulkId(77));

        await search.FillAsync("(1)<");
        await Expect(items).ToHaveCountAsync(1);
        await Expect(items.First).ToHaveTextAsync(DashboardHost.Hostile[0]);
        await search.FillAsync("nobody");
        await Expect(page.GetByText("No execution has this in its id.")).ToBeVisibleAsync();
        await page.GetByLabel("Or has this anywhere in it").UncheckAsync();
        await Expect(page.GetByText("No execution starts with this.")).ToBeVisibleAsync();
    });

    [Fact]
    public Task Ids_WhateverIsInThem_AreText() => _host.LookAsync("/#/executions", async page =>
    {
        foreach (var id in DashboardHost.Hostile)
        {
            await page.GetByLabel("Id starts with").FillAsync(id);
            await Expect(page.Locator(".ids a")).ToHaveCountAsync(1);
            await Expect(page.Locator(".ids bdi")).ToHaveTextAsync(id);
            await page.Locator(".ids a").ClickAsync();
            await Expect(page.Locator("h2 bdi")).ToHaveTextAsync(id);
            await Expect(page.Locator(".timeline bdi").First).ToHaveTextAsync(id);
            await page.Locator(".timeline a").ClickAsync();
            await Expect(page.Locator(".detail pre")).ToContainTextAsync(Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(id)));
            (await page.EvaluateAsync<int>("document.querySelectorAll('main script, main img').length")).ShouldBe(0);
            (await OverflowAsync(page)).ShouldBe(0, id);
        }
    });

    [Fact]
    public Task Timeline_ShowsParentsForksAndStates() => _host.LookAsync("/#/executions?execution=forked", async page =>
    {
        var rows = page.Locator(".timeline li");
        await Expect(rows).ToHaveCountAsync(6);
        await Expect(Row(page, "search")).ToContainTextAsync("2 branches");
        await Expect(rows.First).ToContainTextAsync("latest");
        // Two lines come into the parent of both, and one leaves it.
        await Expect(Row(page, "search").Locator(".gutter path")).ToHaveCountAsync(2);
        await Expect(Row(page, "search").Locator(".gutter line")).ToHaveCountAsync(1);
        await Expect(Row(page, "plan").Locator(".gutter line")).ToHaveCountAsync(0);

        await Row(page, "plan").GetByRole(AriaRole.Link).ClickAsync();
        var state = page.Locator(".detail pre");
        await Expect(state).ToContainTextAsync("\"big\": 12345678901234567890,");
        await Expect(state.Locator(".row")).ToHaveCountAsync(8);
        await Row(page, "note").GetByRole(AriaRole.Link).ClickAsync();
        await Expect(state.Locator(".row").Nth(1)).ToHaveTextAsync("second <b>line</b>");
        await Row(page, "blob").GetByRole(AriaRole.Link).ClickAsync();
        await Expect(state).ToContainTextAsync("00 01 02 ff 41");

        await Row(page, "draft").GetByRole(AriaRole.Link).ClickAsync();
        await page.Locator(".detail dd a").ClickAsync();
        await Expect(page.Locator(".detail h3")).ToHaveTextAsync("search");
    });

    [Fact]
    public Task Numbers_LargerThanJavaScriptHolds_KeepTheirDigits() => _host.LookAsync("/#/executions?execution=numbered&namespace=&id=n-1", async page =>
    {
        var detail = page.Locator(".detail");
        await Expect(detail.Locator("dl")).ToContainTextAsync("9223372036854775806");
        await Expect(detail.Locator("pre").First).ToContainTextAsync("1234567890123456790");
        await page.GetByRole(AriaRole.Button, new() { Name = "Compare with parent" }).ClickAsync();
        await Expect(detail.Locator("dl")).ToContainTextAsync("9223372036854775807 → 9223372036854775806");
        await Expect(detail.Locator(".diff .removed")).ToHaveTextAsync("-  \"userId\": 1234567890123456789");
        await Expect(detail.Locator(".diff .added")).ToHaveTextAsync("+  \"userId\": 1234567890123456790");
    });

    [Fact]
    public Task Timeline_Long_ComesInParts() => _host.LookAsync("/#/executions?execution=long", async page =>
    {
        var rows = page.Locator(".timeline li");
        await Expect(rows).ToHaveCountAsync(200);
        await Expect(rows.Last.Locator(".gutter .lost")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Button, new() { Name = "Older checkpoints" }).ClickAsync();
        await Expect(rows).ToHaveCountAsync(400);
        await page.GetByRole(AriaRole.Button, new() { Name = "Older checkpoints" }).ClickAsync();
        await Expect(rows).ToHaveCountAsync(450);
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Older checkpoints" })).ToBeHiddenAsync();
        await Expect(page.Locator(".gutter .lost")).ToHaveCountAsync(0);
    });

    [Fact]
    public Task Checkpoint_IsCopiedAndDownloaded() => _host.LookAsync("/#/executions?execution=forked&namespace=&id=bytes", async page =>
    {
        await page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        await page.GetByRole(AriaRole.Button, new() { Name = "Copy the checkpoint’s id" }).ClickAsync();
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Copied.");
        (await page.EvaluateAsync<string>("navigator.clipboard.readText()")).ShouldBe("bytes");

        var download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Button, new() { Name = "Download" }).ClickAsync());
        download.SuggestedFilename.ShouldBe("forked-bytes.bin");
        await using var stream = await download.CreateReadStreamAsync();
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes);
        bytes.ToArray().ShouldBe([0, 1, 2, 0xff, 0x41]);
    });

    [Fact]
    public Task Diff_ShowsWhatDiffers_WhateverTheOrderOfMembers() => _host.LookAsync("/#/executions?execution=forked", async page =>
    {
        var compare = page.GetByRole(AriaRole.Button, new() { Name = "Compare", Exact = true });
        await Expect(compare).ToBeDisabledAsync();
        await page.GetByLabel("Compare c", new() { Exact = true }).CheckAsync();
        await page.GetByLabel("Compare b", new() { Exact = true }).CheckAsync();
        await compare.ClickAsync();
        await Expect(page.Locator(".diff .removed")).ToHaveTextAsync(["-  \"b\": 1,", "-  \"big\": 12345678901234567890,", "-  \"query\": \"trams\""]);
        await Expect(page.Locator(".diff .added")).ToHaveTextAsync(["+  \"b\": 2,", "+  \"big\": 12345678901234567891,"]);

        await Row(page, "search").GetByRole(AriaRole.Link).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Compare with parent" }).ClickAsync();
        await Expect(page.Locator(".diff .added")).ToHaveTextAsync(["+    3", "+  \"query\": \"trams\""]);
        await Expect(page.Locator(".diff .removed")).ToHaveCountAsync(0);
    });

    private static ILocator Tile(IPage page, string name) => page.Locator($".tile:has(.name:text-is('{name}')) .value");

    private static ILocator Row(IPage page, string node) => page.Locator(".timeline li").Filter(new() { HasText = node });

    private static Task<int> OverflowAsync(IPage page) =>
        page.EvaluateAsync<int>("Math.max(0, document.scrollingElement.scrollWidth - document.documentElement.clientWidth)");
}
