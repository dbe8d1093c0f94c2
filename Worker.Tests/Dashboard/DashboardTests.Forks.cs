using System.Net;
using System.Text;
using AsyncCheckpoints.Worker.Http;
using Microsoft.Playwright;
using Shouldly;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace AsyncCheckpoints.Tests.Dashboard;

public sealed partial class DashboardTests
{
    [Fact]
    public Task Fork_OfWhateverId_LeadsToItsOrigin() => _host.LookAsync(
        "/#/executions",
        async page =>
        {
            for (var i = 0; i < DashboardHost.Hostile.Count; i++)
            {
                var origin = DashboardHost.Hostile[i];
                var segment = PercentText.EncodeSegment(origin);
                (await _host.Worker.Http.PostAsync($"/executions/{segment}/checkpoints/{segment}/fork?to=again-{i}&durability=persisted", null))
                    .StatusCode.ShouldBe(HttpStatusCode.Created);
                await page.EmulateMediaAsync(new() { ColorScheme = i % 2 == 0 ? ColorScheme.Light : ColorScheme.Dark });
                await page.GotoAsync($"/#/executions?execution=again-{i}");
                await Expect(page.Locator(".timeline .origin")).ToHaveTextAsync($"forked from {origin}");
                await page.Locator(".timeline a").ClickAsync();
                var link = page.Locator(".detail dd a");
                await Expect(page.Locator(".detail dt").Filter(new() { HasText = "Forked from" })).ToBeVisibleAsync();
                await Expect(link).ToHaveTextAsync($"{origin} / {origin}");
                (await OverflowAsync(page)).ShouldBe(0, origin);
                (await BarriersAsync(page)).ShouldBeEmpty(origin);

                await link.PressAsync("Enter");
                await Expect(page.Locator("h2 bdi")).ToHaveTextAsync(origin);
                await Expect(page.Locator(".detail h3")).ToBeFocusedAsync();
                await Expect(page.Locator(".detail pre")).ToContainTextAsync(Convert.ToHexString(Encoding.UTF8.GetBytes(origin)));
                await Expect(link).ToHaveCountAsync(0);
                await Expect(page.Locator(".timeline li")).ToHaveCountAsync(1);
                await Expect(page.Locator(".timeline .origin")).ToHaveCountAsync(0);
            }
        },
        width: 380);

    [Fact]
    public Task Fork_WhatIsNone_IsNotTakenForIt() => _host.LookAsync("/#/executions", async page =>
    {
        string[] malformed =
        [
            "null", "7", "\"b\"", "[]", "[{}]", "{}", """{"executionId":"forked","id":"b"}""", """{"executionId":"forked","namespace":null,"id":"b"}""",
            """{"executionId":7,"namespace":{},"id":[]}""", """{"executionId":"","namespace":"","id":""}""",
        ];
        for (var i = 0; i < malformed.Length; i++)
        {
            await SaveAsync($"c{i}", malformed[i]);
        }

        // Who continues a fork may copy its metadata.
        await SaveAsync("child", """{"executionId":"forked","namespace":"","id":"b"}""", "&parentId=c0");
        await page.GotoAsync("/#/executions?execution=malformed");
        await Expect(page.Locator(".timeline li")).ToHaveCountAsync(malformed.Length + 1);
        await Expect(page.Locator(".timeline .origin")).ToHaveCountAsync(0);
        for (var i = 0; i < malformed.Length; i++)
        {
            await page.GotoAsync($"/#/executions?execution=malformed&namespace=&id=c{i}");
            await Expect(page.Locator(".detail dd bdi").First).ToHaveTextAsync($"c{i}");
            await Expect(page.Locator(".detail pre").First).ToContainTextAsync("forkedFrom");
            await Expect(page.Locator(".detail dd a")).ToHaveCountAsync(0);
        }

        async Task SaveAsync(string id, string origin, string more = "")
        {
            var metadata = Uri.EscapeDataString($$"""{"forkedFrom":{{origin}}}""");
            using var state = new StringContent("{}");
            (await _host.Worker.Http.PutAsync($"/executions/malformed/checkpoints/{id}?metadata={metadata}&durability=persisted{more}", state)).EnsureSuccessStatusCode();
        }
    });
}
