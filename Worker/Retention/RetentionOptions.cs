using System.ComponentModel.DataAnnotations;

namespace AsyncCheckpoints.Worker.Retention;

/// <summary>How long archived checkpoints are kept. Configuration section: <c>Retention</c>.</summary>
public sealed class RetentionOptions
{
    /// <summary>How often a retention job is added; 00:00:00: only when somebody asks for one.</summary>
    /// <value>The default value is 00:00:00.</value>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00")]
    public TimeSpan Every { get; set; }

    /// <summary>The most checkpoints that the scheduled job looks at in a second; 0: as many as it can.</summary>
    /// <value>The default value is 0.</value>
    [Range(0, 1_000_000)]
    public int ItemsPerSecond { get; set; }

    /// <summary>The rules. The first whose pattern fits an execution counts; where none does, everything is kept.</summary>
    public List<RetentionRule> Rules { get; } = [];
}
