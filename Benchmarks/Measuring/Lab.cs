using System.Globalization;
using AsyncCheckpoints.Tests.Servers;

namespace AsyncCheckpoints.Benchmarks.Measuring;

/// <summary>What every measure works with: servers of its own, payloads and sizes.</summary>
internal sealed class Lab(ServerSet servers, bool isQuick)
{
    /// <summary>Executions that saves are spread over.</summary>
    public const int Executions = 1000;

    private readonly Dictionary<int, byte[]> _states = [];

    public ServerSet Servers => servers;

    public bool IsQuick => isQuick;

    public const int Rounds = 3;

    /// <summary>One size for `make bench`, a smaller one for QUICK.</summary>
    /// <param name="full">The size.</param>
    /// <param name="quick">The smaller one.</param>
    public int Count(int full, int quick) => isQuick ? quick : full;

    /// <summary>A server's process.</summary>
    /// <param name="server">Its name in infra/servers.sh.</param>
    public int ProcessOf(string server) => int.Parse(File.ReadAllText(Path.Combine(servers.Folder, $"{server}.pid")), CultureInfo.InvariantCulture);

    /// <summary>Random bytes, so that nothing gains by compressing them; the same for everybody.</summary>
    /// <param name="bytes">How many.</param>
    public byte[] State(int bytes)
    {
        lock (_states)
        {
            if (!_states.TryGetValue(bytes, out var state))
            {
                // Not a secret: the same bytes in every run.
                state = new byte[bytes];
                new Random(4711).NextBytes(state);
                _states.Add(bytes, state);
            }

            return state;
        }
    }
}
