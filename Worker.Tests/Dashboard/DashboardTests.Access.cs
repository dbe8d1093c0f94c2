using System.Net;
using AsyncCheckpoints.Tests.Http.Access;
using AsyncCheckpoints.Worker.Http.Access;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Shouldly;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AsyncCheckpoints.Tests.Dashboard;

public sealed partial class DashboardTests
{
    private static readonly string[] Pages =
    [
        "#/live", "#/executions", "#/executions?execution=forked&namespace=&id=b", "#/jobs", "#/dead-letters", "#/audit",
    ];

    [Fact]
    public async Task Page_IsServedWithoutData_AndRunsNobodyElsesScripts()
    {
        foreach (var path in new[] { "/", "/dashboard/app.js", "/dashboard/style.css", "/dashboard/icon.svg" })
        {
            using var response = await _host.Worker.Http.GetAsync(path);
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            response.Headers.GetValues("Content-Security-Policy").Single().ShouldStartWith("default-src 'self'; base-uri 'none';");
            response.Headers.GetValues("X-Content-Type-Options").Single().ShouldBe("nosniff");
            using var again = new HttpRequestMessage(HttpMethod.Get, path);
            again.Headers.IfNoneMatch.Add(response.Headers.ETag!);
            (await _host.Worker.Http.SendAsync(again)).StatusCode.ShouldBe(HttpStatusCode.NotModified);
        }

        (await _host.Worker.Http.GetStringAsync("/")).ShouldNotContain("<style");
        (await _host.Worker.Http.GetAsync("/dashboard/index.html")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await _host.Worker.Http.PostAsync("/", null)).StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
    }

    [Fact]
    public async Task Keys_WrongOrTooWeak_AreToldSo()
    {
        var keyed = new KeyedHost();
        await using var worker = keyed.Worker;
        await keyed.InitializeAsync();
        var look = async (IPage page) =>
        {
            var key = page.GetByLabel("API key");
            var signIn = page.GetByRole(AriaRole.Button, new() { Name = "Sign in" });
            await Expect(key).ToBeFocusedAsync();
            foreach (var wrong in new[] { "ckp_wrong", "no key ✗" })
            {
                await key.FillAsync(wrong);
                await page.Keyboard.PressAsync("Enter");
                await Expect(page.Locator(".problem")).ToContainTextAsync(wrong == "ckp_wrong" ? "does not know this key" : "This is no key");
            }

            await key.FillAsync(keyed[ApiRole.Read]);
            await signIn.ClickAsync();
            await Expect(Tile(page, "Pending")).ToHaveTextAsync("0");
            await page.GetByRole(AriaRole.Link, new() { Name = "Jobs", Exact = true }).ClickAsync();
            await page.GetByText("Start a job").ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }).ClickAsync();
            await Expect(page.Locator("form .problem")).ToContainTextAsync("operate is required");
            await page.GetByRole(AriaRole.Link, new() { Name = "Audit" }).ClickAsync();
            await Expect(page.Locator("#alert")).ToContainTextAsync("operate is required");

            // It stays in the tab when the page is loaded again, and nowhere else.
            await page.ReloadAsync();
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Audit" })).ToBeVisibleAsync();
            (await page.EvaluateAsync<int>("localStorage.length + document.cookie.length")).ShouldBe(0);

            await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
            await Expect(key).ToBeFocusedAsync();
            (await page.EvaluateAsync<int>("sessionStorage.length")).ShouldBe(0);
            await key.FillAsync(keyed[ApiRole.Operate]);
            await signIn.ClickAsync();
            await Expect(page.GetByText("Nothing has been done yet.")).ToBeVisibleAsync();
        };
        await _host.LookAsync("/", look, address: keyed.Http.BaseAddress, expectedStatus: [401, 403]);
    }

    [Theory]
    [InlineData(380, ColorScheme.Light)]
    [InlineData(380, ColorScheme.Dark)]
    [InlineData(1600, ColorScheme.Light)]
    [InlineData(1600, ColorScheme.Dark)]
    public Task Pages_OfAnyWidthAndTheme_NeedNoSidewaysScrollingAndHaveNoBarriers(int width, ColorScheme colors) => _host.LookAsync(
        "/",
        async page =>
        {
            foreach (var path in Pages)
            {
                await page.GotoAsync($"/{path}");
                await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
                await Expect(page.GetByRole(AriaRole.Heading).First).ToBeVisibleAsync();
                foreach (var summary in await page.Locator("summary").AllAsync())
                {
                    await summary.ClickAsync();
                }

                (await OverflowAsync(page)).ShouldBe(0, $"{path} at {width}");
                (await BarriersAsync(page)).ShouldBeEmpty(path);
            }
        },
        width,
        colors);

    [Fact]
    public Task Keyboard_Alone_Suffices() => _host.LookAsync("/", async page =>
    {
        var keyboard = page.Keyboard;
        await Expect(Tile(page, "Pending")).ToHaveTextAsync("0");
        await keyboard.PressAsync("Tab");
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Skip to the content" })).ToBeFocusedAsync();
        await keyboard.PressAsync("Enter");
        await Expect(page.Locator("main")).ToBeFocusedAsync();

        await TabToAsync(page.GetByRole(AriaRole.Link, new() { Name = "Executions" }), "Shift+Tab");
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Executions" })).ToBeFocusedAsync();
        await TabToAsync(page.GetByLabel("Id starts with"));
        await keyboard.TypeAsync("forked");
        await keyboard.PressAsync("Enter");
        await Expect(page.Locator(".ids a")).ToHaveCountAsync(1);
        await TabToAsync(page.Locator(".ids a"));
        await keyboard.PressAsync("Enter");
        await Expect(page.Locator(".timeline li")).ToHaveCountAsync(6);

        await TabToAsync(page.Locator(".timeline a").First);
        await keyboard.PressAsync("ArrowDown");
        await keyboard.PressAsync("ArrowDown");
        await Expect(page.Locator(".timeline a").Nth(2)).ToBeFocusedAsync();
        await keyboard.PressAsync("Enter");
        await Expect(page.Locator(".detail h3")).ToBeFocusedAsync();
        var delete = page.GetByRole(AriaRole.Button, new() { Name = "Delete" });
        await TabToAsync(delete);
        // What has the focus can be seen.
        (await delete.EvaluateAsync<string>("button => getComputedStyle(button).outlineStyle")).ShouldBe("solid");
        await keyboard.PressAsync("Enter");
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Keep" })).ToBeFocusedAsync();
        await keyboard.PressAsync("Escape");
        await Expect(delete).ToBeFocusedAsync();

        Task TabToAsync(ILocator target, string key = "Tab") => DashboardTests.TabToAsync(page, target, key);
    });

    [Fact]
    public Task Keyboard_Alone_Compares() => _host.LookAsync("/#/executions?execution=forked", async page =>
    {
        foreach (var name in new[] { "Compare c", "Compare b" })
        {
            var box = page.GetByLabel(name, new() { Exact = true });
            await TabToAsync(page, box);
            await page.Keyboard.PressAsync("Space");
            await Expect(box).ToBeCheckedAsync();
        }

        await TabToAsync(page, page.GetByRole(AriaRole.Button, new() { Name = "Compare", Exact = true }), "Shift+Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".detail h3")).ToHaveTextAsync("Difference");
        await Expect(page.Locator(".detail h3")).ToBeFocusedAsync();
    });

    [Fact]
    public Task Keyboard_Alone_StartsAJob() => _host.LookAsync("/#/jobs", async page =>
    {
        await TabToAsync(page, page.Locator("summary").First);
        await page.Keyboard.PressAsync("Enter");
        await TabToAsync(page, page.GetByLabel("Kind"));
        for (var i = 0; i < 20 && await page.GetByLabel("Kind").InputValueAsync() != "replay"; i++)
        {
            await page.Keyboard.PressAsync("ArrowDown");
        }

        await TabToAsync(page, page.GetByLabel("To", new() { Exact = true }));
        await page.Keyboard.TypeAsync("cache");
        await TabToAsync(page, page.GetByLabel("Executions that start with"));
        await page.Keyboard.TypeAsync("nobody");
        await TabToAsync(page, page.GetByRole(AriaRole.Button, new() { Name = "Start", Exact = true }));
        await page.Keyboard.PressAsync("Space");
        await Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Started replay.");
        await Expect(page.Locator(".job").Filter(new() { HasText = "replay" })).ToHaveCountAsync(1);
    });

    private static async Task<string> BarriersAsync(IPage page) =>
        string.Join('\n', (await page.RunAxe()).Violations.SelectMany(rule => rule.Nodes.Select(node => $"{rule.Help}: {node.Html}")));

    private static async Task TabToAsync(IPage page, ILocator target, string key = "Tab")
    {
        for (var i = 0; i < 80 && !await target.EvaluateAsync<bool>("node => node === document.activeElement"); i++)
        {
            await page.Keyboard.PressAsync(key);
        }

        await Expect(target).ToBeFocusedAsync();
    }
}
