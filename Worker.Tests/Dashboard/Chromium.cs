using Microsoft.Playwright;

namespace AsyncCheckpoints.Tests.Dashboard;

/// <summary>Debian's chromium without a window.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    /// <summary>How long anything in a page may take: other tests run on the same few processors.</summary>
    public const float PatienceMilliseconds = 60_000;

    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;

    private Chromium(IPlaywright playwright, IBrowser browser) => (_playwright, _browser) = (playwright, browser);

    public static async Task<Chromium> StartAsync()
    {
        var playwright = await Playwright.CreateAsync();
        return new Chromium(playwright, await playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = "/usr/bin/chromium",
            // The sandbox does not start as root; /dev/shm is small in containers.
            Args = ["--no-sandbox", "--disable-dev-shm-usage"],
            Timeout = PatienceMilliseconds,
        }));
    }

    /// <summary>A browser with nothing stored.</summary>
    /// <param name="address">The worker.</param>
    /// <param name="width">The window's width.</param>
    /// <param name="height">Its height.</param>
    /// <param name="colors">Light or dark.</param>
    /// <param name="scale">Pixels for one of the page's.</param>
    public async Task<IBrowserContext> OpenAsync(Uri address, int width = 1280, int height = 900, ColorScheme colors = ColorScheme.Light, float scale = 1)
    {
        var context = await _browser.NewContextAsync(new()
        {
            BaseURL = address.ToString(),
            ViewportSize = new() { Width = width, Height = height },
            DeviceScaleFactor = scale,
            ColorScheme = colors,
            Locale = "en-GB",
            TimezoneId = "UTC",
            ReducedMotion = ReducedMotion.Reduce,
        });
        context.SetDefaultTimeout(PatienceMilliseconds);
        return context;
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }
}
