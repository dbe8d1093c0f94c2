using System.Globalization;
using Spectre.Console;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>How far an export or import has got, on the standard error: a bar on a terminal, a line now and then in a pipe.</summary>
internal sealed class TransferProgress(string verb, TextWriter? lines, ProgressTask? bar, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly long _begun = time.GetTimestamp();
    private long _told = time.GetTimestamp();

    /// <summary>Checkpoints so far.</summary>
    public long Count { get; private set; }

    /// <summary>Carries checkpoints, and tells of it.</summary>
    /// <param name="verb">What is done.</param>
    /// <param name="isQuiet">Tells of nothing.</param>
    /// <param name="isInteractive">Whether a person watches a terminal that nothing else is written to.</param>
    /// <param name="transfer">Carries them.</param>
    /// <returns>How many.</returns>
    public static async Task<long> RunAsync(string verb, bool isQuiet, bool isInteractive, Func<TransferProgress, Task> transfer)
    {
        if (isQuiet || !isInteractive)
        {
            var progress = new TransferProgress(verb, isQuiet ? null : Console.Error, null, TimeProvider.System);
            await transfer(progress);
            return progress.Count;
        }

        return await Terminal.WithBarAsync(verb, [new SpinnerColumn()], async bar =>
        {
            var progress = new TransferProgress(verb, null, bar, TimeProvider.System);
            await transfer(progress);
            return progress.Count;
        });
    }

    /// <summary>One more.</summary>
    /// <param name="share">What part of the whole that makes, 0 to 1; null: nobody knows the whole.</param>
    public void Add(double? share = null)
    {
        Count++;
        var text = string.Create(CultureInfo.InvariantCulture, $"{verb} {Count} ({Count / Math.Max(time.GetElapsedTime(_begun).TotalSeconds, 0.001):F0}/s)");
        if (bar is not null)
        {
            bar.Description = text;
            bar.IsIndeterminate = share is null;
            bar.Value = share ?? 0;
        }
        else if (lines is not null && time.GetElapsedTime(_told) >= Interval)
        {
            lines.WriteLine(share is { } part ? string.Create(CultureInfo.InvariantCulture, $"{text} {part * 100:F0}%") : text);
            _told = time.GetTimestamp();
        }
    }
}
