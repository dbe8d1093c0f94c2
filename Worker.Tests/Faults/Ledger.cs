using System.Globalization;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// Who asked for what, and what was acknowledged. A child process writes every entry to a file before it goes on: what
/// the kernel has been given survives the kill of the process. Thread-safe.
/// </summary>
internal sealed class Ledger(TextWriter? file = null)
{
    /// <summary>The end of the line of an operation that was acknowledged because the spool has it.</summary>
    public const string Spooled = "spooled";

    private readonly Lock _gate = new();
    private readonly List<Operation> _operations = [];

    /// <summary>Acknowledged operations.</summary>
    public int Acknowledged
    {
        get
        {
            lock (_gate)
            {
                return _operations.Count(operation => operation.Reached is not null);
            }
        }
    }

    public IReadOnlyList<Operation> Snapshot()
    {
        lock (_gate)
        {
            return [.. _operations];
        }
    }

    public Operation Begin(Operation operation)
    {
        lock (_gate)
        {
            _operations.Add(operation);
            Write(operation.ToLine());
        }

        return operation;
    }

    public void Acknowledge(Operation operation, Durability reached, long sequence, bool isSpooled = false)
    {
        lock (_gate)
        {
            (operation.Reached, operation.Sequence, operation.IsSpooled) = (reached, sequence, isSpooled);
            Write(string.Join(
                '\t',
                "done",
                operation.Owner,
                operation.Number.ToString(CultureInfo.InvariantCulture),
                reached,
                sequence.ToString(CultureInfo.InvariantCulture),
                isSpooled ? Spooled : ""));
        }
    }

    /// <summary>What a child wrote; a last line that it could not finish is left out.</summary>
    public void Add(string text)
    {
        var known = new Dictionary<(string, int), Operation>();
        foreach (var line in text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split('\t');
            if (parts[0] == "begin")
            {
                var operation = Begin(Operation.FromLine(parts));
                known.Add((operation.Owner, operation.Number), operation);
            }
            else
            {
                Acknowledge(
                    known[(parts[1], int.Parse(parts[2], CultureInfo.InvariantCulture))],
                    Enum.Parse<Durability>(parts[3]),
                    long.Parse(parts[4], CultureInfo.InvariantCulture),
                    parts is [.., Spooled]);
            }
        }
    }

    /// <summary>A buffered save counts once it has left its process's memory.</summary>
    /// <param name="owners">What the names of the writers start with.</param>
    public void ForgetBuffered(string owners)
    {
        lock (_gate)
        {
            foreach (var operation in _operations.Where(operation =>
                operation is { Reached: Durability.Buffered, IsSpooled: false } && operation.Owner.StartsWith(owners, StringComparison.Ordinal)))
            {
                operation.Reached = null;
            }
        }
    }

    private void Write(string line)
    {
        file?.WriteLine(line);
        file?.Flush();
    }
}
