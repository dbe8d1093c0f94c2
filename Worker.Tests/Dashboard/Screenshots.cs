using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Playwright;
using Shouldly;

namespace AsyncCheckpoints.Tests.Dashboard;

/// <summary>The pictures of the documents (make screenshots): a worker that works, looked at in light and dark.</summary>
internal static class Screenshots
{
    private const int LargestBytes = 200 * 1024;
    private const int Executions = 40;
    private static readonly string[] Nodes = ["plan", "search", "read", "search", "read", "draft", "review", "draft", "review", "publish"];
    private static readonly string[] Topics = ["heat pumps", "tram lines", "soil moisture", "night trains", "open data"];

    /// <summary>Makes them.</summary>
    /// <param name="folder">Where.</param>
    /// <param name="load">How long the worker is under load before, for the charts.</param>
    public static async Task<int> RunAsync(string folder, TimeSpan load)
    {
        Directory.CreateDirectory(folder);
        await using var worker = new JobWorker();
        worker["Worker__SampleInterval"] = (load / Worker.Diagnostics.StatsHistory.Capacity).ToString("c", CultureInfo.InvariantCulture);
        await using (var archive = worker.OpenArchive())
        {
            await JobWorker.FillAsync(archive, 20_000);
            await archive.CommitAsync(new ArchiveBatch([], [new("letter-1", "The state's checksum is wrong.", "application/json", "{\"step\":7}"u8.ToArray(), "research-0007")]), default);
        }

        await worker.StartAsync();
        await FillAsync(worker.Http);
        using var stop = new CancellationTokenSource();
        var running = LoadAsync(worker.Http, load, stop.Token);
        await Task.Delay(load);
        await worker.PostAsync("verify", new { }, itemsPerSecond: 700);
        await using var chromium = await Chromium.StartAsync();
        foreach (var colors in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await using var context = await chromium.OpenAsync(worker.Http.BaseAddress!, 1360, 880, colors);
            var page = await context.NewPageAsync();
            await page.GotoAsync("/#/live");
            await page.Locator(".tile .value").First.FilterAsync("–");
            await page.Locator(".chart polyline").First.WaitForAsync();
            await SaveAsync(page, folder, "live", colors);

            await page.GotoAsync("/#/executions?execution=research-0042&namespace=&id=step-08b");
            await page.GetByLabel("Id starts with").FillAsync("research");
            await Assertions.Expect(page.Locator(".ids li").First).ToHaveTextAsync("research-0040", new() { Timeout = Chromium.PatienceMilliseconds });
            await page.Locator(".detail pre").First.WaitForAsync();
            await page.Locator(".timeline li").First.WaitForAsync();
            await SaveAsync(page, folder, "timeline", colors);

            await page.GetByRole(AriaRole.Checkbox, new() { Name = "Compare step-06", Exact = true }).CheckAsync();
            await page.GetByRole(AriaRole.Checkbox, new() { Name = "Compare step-07b" }).CheckAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Compare", Exact = true }).ClickAsync();
            await page.Locator(".diff").First.WaitForAsync();
            await SaveAsync(page, folder, "diff", colors);
            await page.GotoAsync("/#/jobs");
            await page.Locator(".job").First.WaitForAsync();
            await SaveAsync(page, folder, "jobs", colors);
        }

        await stop.CancelAsync();
        await running;

        return 0;
    }

    private static async Task FilterAsync(this ILocator locator, string not) =>
        await Assertions.Expect(locator).Not.ToHaveTextAsync(not, new() { Timeout = Chromium.PatienceMilliseconds });

    private static async Task SaveAsync(IPage page, string folder, string name, ColorScheme colors)
    {
        var path = Path.Combine(folder, $"{name}-{(colors == ColorScheme.Dark ? "dark" : "light")}.png");
        await page.ScreenshotAsync(new() { Path = path });
        new FileInfo(path).Length.ShouldBeLessThan(LargestBytes, path);
        Console.WriteLine(path);
    }

    /// <summary>Agents that plan, search, read and write; one of them was taken up again in the middle, twice.</summary>
    private static async Task FillAsync(HttpClient http)
    {
        var start = TimeProvider.System.GetUtcNow().AddMinutes(-90);
        for (var execution = 0; execution < Executions; execution++)
        {
            var name = $"research-{40 + execution:0000}";
            var topic = Topics[execution % Topics.Length];
            for (var step = 0; step < Nodes.Length; step++)
            {
                await SaveAsync(http, name, $"step-{step:00}", step == 0 ? null : $"step-{step - 1:00}", Nodes[step], topic, step, "", start.AddMinutes(execution).AddSeconds(step * 41));
            }
        }

        const string forked = "research-0042";
        var later = start.AddMinutes(60);
        await SaveAsync(http, forked, "step-06b", "step-05", "review", "soil moisture", 6, "", later);
        await SaveAsync(http, forked, "step-07b", "step-06b", "draft", "soil moisture", 7, "", later.AddSeconds(33));
        await SaveAsync(http, forked, "step-03c", "step-02", "search", "soil sensors", 3, "", later.AddSeconds(70));
        await SaveAsync(http, forked, "step-08b", "step-07b", "review", "soil moisture", 8, "", later.AddSeconds(95));
        await SaveAsync(http, forked, "step-04c", "step-03c", "read", "soil sensors", 4, "", later.AddSeconds(120));
        await SaveAsync(http, forked, "fetch-1", null, "fetch", "sensor data", 1, "tools", later.AddSeconds(140));
        await SaveAsync(http, forked, "fetch-2", "fetch-1", "parse", "sensor data", 2, "tools", later.AddSeconds(150));
    }

    private static async Task SaveAsync(
        HttpClient http, string execution, string id, string? parent, string node, string topic, int step, string ns, DateTimeOffset at)
    {
        var state = new
        {
            step,
            topic,
            goal = $"A two-page brief on {topic}",
            messages = Enumerable.Range(0, step + 1).Select(i => new { role = i % 2 == 0 ? "assistant" : "tool", text = $"{Nodes[i]} {topic}, round {i + 1}" }),
            sources = Enumerable.Range(1, step).Select(i => $"https://example.org/{topic.Replace(' ', '-')}/{i}"),
            budget = new { tokensUsed = 1800 * (step + 1), tokensLeft = 40_000 - (1800 * (step + 1)) },
            isDone = step == Nodes.Length - 1,
        };
        var query = new StringBuilder($"?id={id}&node={node}&version={step}&createdAt={at.UtcDateTime:yyyy-MM-ddTHH:mm:ss.ffffff}Z");
        query.Append(parent is null ? "" : $"&parentId={parent}").Append(ns.Length == 0 ? "" : $"&namespace={ns}");
        query.Append(CultureInfo.InvariantCulture, $"&metadata={Uri.EscapeDataString(JsonSerializer.Serialize(new { tenant = "acme", model = "m-3" }))}");
        (await http.PostAsJsonAsync($"/executions/{execution}/checkpoints{query}", state, new JsonSerializerOptions { WriteIndented = true })).EnsureSuccessStatusCode();
    }

    /// <summary>Saves at a rate that swings, from a few writers, so the charts have something to show.</summary>
    private static Task LoadAsync(HttpClient http, TimeSpan swing, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        return Task.WhenAll(Enumerable.Range(0, 6).Select(async writer =>
        {
            var random = new Random(writer);
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await Task.Delay(TimeSpan.FromMilliseconds((16 + (10 * Math.Sin(clock.Elapsed / swing * 3 * Math.PI))) * (0.5 + random.NextDouble())), CancellationToken.None);
                using var body = new StringContent($$"""{"step":{{i}}}""", Encoding.UTF8, "application/json");
                (await http.PostAsync($"/executions/job-{writer}-{i / 25:0000}/checkpoints?node=work&durability=cached", body, CancellationToken.None)).EnsureSuccessStatusCode();
            }
        }));
    }
}
