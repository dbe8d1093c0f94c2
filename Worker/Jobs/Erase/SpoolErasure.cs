using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Spool;

namespace AsyncCheckpoints.Worker.Jobs.Erase;

/// <summary>
/// Erases saves out of the file of an application's spool. Deletions stay: they hold ids only, and take away what is
/// elsewhere.
/// </summary>
/// <param name="arguments">What is to be erased.</param>
internal sealed class SpoolErasure(EraseArguments arguments)
{
    private readonly EraseScope _scope = new(arguments);

    /// <summary>What became of a file.</summary>
    /// <param name="Erased">Checkpoints that went; in a dry run, would go.</param>
    /// <param name="Unreadable">Rows that cannot be read.</param>
    public sealed record Result(int Erased, IReadOnlyList<SpoolRow> Unreadable);

    /// <summary>Erases.</summary>
    /// <param name="path">The file.</param>
    /// <inheritdoc cref="SpoolFile.Rewrite"/>
    public Result Erase(string path)
    {
        var erased = 0;
        var unreadable = SpoolFile.Rewrite(path, Rest, arguments.DryRun);
        return new Result(erased, unreadable);

        CheckpointCommands? Rest(CheckpointCommands message)
        {
            var left = message.Saves.Where(save => !_scope.Has(CheckpointCodec.Parse(save.Record.Memory))).ToList();
            if (left.Count == message.Saves.Count)
            {
                return message;
            }

            erased += message.Saves.Count - left.Count;
            var rest = message.Clone();
            rest.Saves.Clear();
            rest.Saves.AddRange(left);
            return rest.Saves.Count + rest.Deletes.Count + rest.Clears.Count > 0 ? rest : null;
        }
    }
}
