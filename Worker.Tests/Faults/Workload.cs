using System.Globalization;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>
/// Seeded writers, each with streams of its own: saves at all levels, alone and in bursts, TrySave, the same id again
/// with the same and with other content, deletes and clears. What a call throws besides the exceptions that the client
/// documents ends the workload.
/// </summary>
internal sealed class Workload
{
    private const int Executions = 2;
    private static readonly string[] Namespaces = ["", "sub/{graph}"];
    private readonly ICheckpointClient _client;
    private readonly Ledger _ledger;
    private readonly int _seed;
    private readonly string _name;
    private readonly Lock _gate = new();
    private int _refused;

    public Workload(ICheckpointClient client, Ledger ledger, int seed, string name)
    {
        _client = client;
        _ledger = ledger;
        _seed = seed;
        _name = name;
    }

    /// <summary>How long each writer rests between two steps.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(2);

    public int Writers { get; init; } = 4;

    /// <summary>The number of each writer's first operation: above all of an earlier process whose streams it goes on with.</summary>
    public int First { get; init; }

    /// <summary>The longest that a call took.</summary>
    public TimeSpan Slowest { get; private set; }

    /// <summary>How many calls ended in an exception that asks for a retry.</summary>
    public int Refused => Volatile.Read(ref _refused);

    /// <summary>Runs until it is told to stop; every call that was made has ended then.</summary>
    public Task RunAsync(CancellationToken stop) =>
        Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => new Writer(this, writer).RunAsync(stop))));

    private void Took(TimeSpan elapsed)
    {
        lock (_gate)
        {
            Slowest = elapsed > Slowest ? elapsed : Slowest;
        }
    }

    private sealed class Writer(Workload load, int index)
    {
        private readonly Random _random = new(unchecked((load._seed * 397) ^ index));
        private readonly string _owner = $"{load._name}.{index}";
        private readonly Dictionary<CheckpointKey, string> _saved = [];
        private int _number = load.First;
        private int _step = load.First;

        public async Task RunAsync(CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                _step++;
                await StepAsync();
                await Task.Delay(load.Pause, CancellationToken.None);
            }
        }

        private async Task StepAsync()
        {
            var stream = Stream();
            var choice = _random.Next(100);
            if (choice < 60 || _saved.Count == 0)
            {
                await Task.WhenAll(Enumerable.Range(0, 1 + _random.Next(6)).Select(_ => SaveAsync(stream with { Id = $"{_number}" })).ToList());
            }
            else if (choice < 70)
            {
                for (var count = 1 + _random.Next(10); count > 0; count--, _step++)
                {
                    TrySave(stream with { Id = $"{_number}" });
                }
            }
            else if (choice < 80)
            {
                await SaveAsync(AnySaved());
            }
            else if (choice < 85)
            {
                var key = AnySaved();
                await SaveAsync(key, _saved[key]);
            }
            else if (choice < 98)
            {
                await DeleteAsync(AnySaved());
            }
            else
            {
                await ClearAsync(stream.ExecutionId);
            }
        }

        private CheckpointKey Stream() => new($"{_owner}:{_random.Next(Executions)}", Namespaces[_random.Next(Namespaces.Length)], "");

        private CheckpointKey AnySaved() => _saved.Keys.ElementAt(_random.Next(_saved.Count));

        private async Task SaveAsync(CheckpointKey key, string? token = null)
        {
            var operation = Begin(OperationKind.Save, key, token);
            var level = (Durability)_random.Next(4);
            await CallAsync(operation, async () =>
            {
                var result = await load._client.SaveAsync(Operation.CheckpointOf(operation.Key, operation.Token), new SaveOptions { Durability = level });
                return (result.Reached, result.Cached ? result.Sequence : -result.Sequence, result.Spooled);
            });
        }

        private void TrySave(CheckpointKey key)
        {
            var operation = Begin(OperationKind.Save, key);
            if (load._client.TrySave(Operation.CheckpointOf(operation.Key, operation.Token)))
            {
                load._ledger.Acknowledge(operation, Durability.Buffered, 0);
            }
        }

        private Task DeleteAsync(CheckpointKey key)
        {
            _saved.Remove(key, out var token);
            return DeleteAsync(Begin(OperationKind.Delete, key, token), level => load._client.DeleteAsync(key, level));
        }

        private Task ClearAsync(string executionId)
        {
            foreach (var key in _saved.Keys.Where(key => key.ExecutionId == executionId).ToList())
            {
                _saved.Remove(key);
            }

            var operation = Begin(OperationKind.Clear, new CheckpointKey(executionId, "", ""), "-");
            return DeleteAsync(operation, level => load._client.ClearAsync(executionId, level));
        }

        private Task DeleteAsync(Operation operation, Func<Durability, Task<Durability>> delete) => CallAsync(operation, async () =>
        {
            // Never less than was asked for, unless the spool has it.
            var reached = await delete((Durability)_random.Next(1, 4));
            return (reached, 0, reached == Durability.Buffered);
        });

        private Operation Begin(OperationKind kind, CheckpointKey key, string? token = null)
        {
            var number = _number++;
            token ??= $"{_owner}#{number.ToString(CultureInfo.InvariantCulture)}";
            if (kind == OperationKind.Save)
            {
                _saved[key] = token;
            }

            return load._ledger.Begin(new Operation(number, _owner, _step, kind, key, token));
        }

        private async Task CallAsync(Operation operation, Func<Task<(Durability, long, bool)>> call)
        {
            var started = TimeProvider.System.GetTimestamp();
            try
            {
                var (reached, sequence, isSpooled) = await call();
                load._ledger.Acknowledge(operation, reached, sequence, isSpooled);
            }
            catch (CheckpointUnavailableException)
            {
                Interlocked.Increment(ref load._refused);
            }
            finally
            {
                load.Took(TimeProvider.System.GetElapsedTime(started));
            }
        }
    }
}
