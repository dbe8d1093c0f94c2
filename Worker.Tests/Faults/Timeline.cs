using System.Globalization;

namespace AsyncCheckpoints.Tests.Faults;

/// <summary>What happened when, to be read beside the seed when a run has failed. Thread-safe.</summary>
internal sealed class Timeline(Action<string>? echo = null)
{
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];

    public void Note(string what)
    {
        var line = string.Create(
            CultureInfo.InvariantCulture, $"{TimeProvider.System.GetElapsedTime(_started).TotalSeconds,8:F3} s  {what}");
        lock (_gate)
        {
            _lines.Add(line);
        }

        echo?.Invoke(line);
    }

    public override string ToString()
    {
        lock (_gate)
        {
            return string.Join('\n', _lines);
        }
    }
}
