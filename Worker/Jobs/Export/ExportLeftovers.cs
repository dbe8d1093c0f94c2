using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Jobs.Sources;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Jobs.Export;

/// <summary>Removes the unfinished files of exports that were cancelled or discarded, wherever that happened to them.</summary>
internal sealed class ExportLeftovers(JobFiles files, IJobStore jobs, IOptions<WorkerOptions> options, ILogger<ExportLeftovers> logger) : IDuty
{
    private const int JobIdLength = 32;

    public string Name => "Export leftovers";

    public TimeSpan Interval => options.Value.PurgeInterval;

    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        var removed = 0;
        foreach (var part in files.Find($"*{ExportJob.PartExtension}"))
        {
            // One whose job this archive does not know may be somebody else's.
            var name = Path.GetFileNameWithoutExtension(part);
            if (name.Length > JobIdLength && await jobs.GetJobAsync(name[^JobIdLength..], cancellationToken) is { Kind: "export", FinishedAt: not null })
            {
                removed += TryDelete(part) ? 1 : 0;
            }
        }

        return removed;
    }

    private bool TryDelete(string part)
    {
        try
        {
            File.Delete(part);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.LeftoverStays(logger, part, e);
            return false;
        }
    }
}
