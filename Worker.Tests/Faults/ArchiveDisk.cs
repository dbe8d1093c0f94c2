using AsyncCheckpoints.Tests.Servers;
using Microsoft.Extensions.Hosting;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>The disk of an archive.</summary>
internal static class ArchiveDisk
{
    /// <summary>Saves until it is full, goes on, gives it room, and audits.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="lab">The installation.</param>
    /// <param name="client">Saves.</param>
    /// <param name="worker">Archives.</param>
    /// <param name="sign">What the worker writes when the disk is full.</param>
    public static async Task FillAsync(this SmallDisk disk, FaultLab lab, IHost client, WorkerProcess worker, string sign)
    {
        await lab.UnderLoadAsync(FaultLab.ClientOf(client), async () =>
        {
            await worker.WaitForLineAsync(line => line.Contains(sign, StringComparison.Ordinal), FaultLab.Patience);
            lab.Timeline.Note("disk full");
            await lab.ProgressAsync(20);
            await disk.ResizeAsync("256m");
            lab.Timeline.Note("disk has room");
            await lab.ProgressAsync();
        });
        await lab.AuditAsync(client);
    }
}
