using AsyncCheckpoints.Worker.Http;
using AsyncCheckpoints.Worker.Jobs.Erase;
using Microsoft.Data.Sqlite;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>'erase --spool': works on the files of spools, and asks no worker.</summary>
internal static class SpoolVerb
{
    /// <summary>Erases out of every file, also when one of them cannot be.</summary>
    /// <returns>The exit code: that of the first file that failed.</returns>
    public static int Erase(IReadOnlyList<string> paths, EraseArguments arguments, bool json, CancellationToken cancellationToken)
    {
        try
        {
            arguments.Validate();
        }
        catch (ArgumentException e)
        {
            throw new CommandException(ExitCodes.Usage, ApiProblem.MessageOf(e));
        }

        var (erasure, code) = (new SpoolErasure(arguments), ExitCodes.Done);
        foreach (var path in paths)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                var result = erasure.Erase(path);
                Write(path, result, arguments.DryRun, json);
                code = code == ExitCodes.Done && result.Unreadable.Count > 0 ? ExitCodes.Findings : code;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or CheckpointUnavailableException or SqliteException)
            {
                Console.Error.WriteLine(Terminal.Clean(e is SqliteException ? $"The spool '{path}': {e.Message}" : e.Message));
                code = code is ExitCodes.Done or ExitCodes.Findings
                    ? e is FileNotFoundException ? ExitCodes.NotFound : e is CheckpointUnavailableException ? ExitCodes.Unreachable : ExitCodes.Failed
                    : code;
            }
        }

        return code;
    }

    private static void Write(string path, SpoolErasure.Result result, bool isDryRun, bool json)
    {
        foreach (var row in result.Unreadable)
        {
            var (subject, detail) = (
                $"{path}, row {row.Id} of {row.Table}",
                $"Whose it is cannot be read. If it is meant: sqlite3 FILE 'DELETE FROM {row.Table} WHERE id = {row.Id}', and erase again.");
            if (json)
            {
                Terminal.WriteJson(new { kind = "unreadable", subject, detail });
            }
            else
            {
                Terminal.WriteColumns("unreadable", subject, detail);
            }
        }

        var count = isDryRun ? "wouldErase" : "erased";
        if (json)
        {
            Terminal.WriteJson(new Dictionary<string, object> { ["spool"] = path, [count] = result.Erased, ["findings"] = result.Unreadable.Count });
        }
        else
        {
            Terminal.WriteColumns(path, $"findings={result.Unreadable.Count}", $"{count}={result.Erased}");
        }
    }
}
