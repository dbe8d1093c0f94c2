using System.ComponentModel.DataAnnotations;

namespace AsyncCheckpoints;

/// <summary>The spool's settings.</summary>
public sealed class CheckpointSpoolOptions
{
    /// <summary>The spool's file. It and its folder are created when they are missing. One process at a time uses it.</summary>
    public string SpoolPath { get; set; } = "";

    /// <summary>The most bytes of messages that may wait; what goes beyond is treated as without spool.</summary>
    /// <value>The default value is 1 GiB.</value>
    [Range(1024 * 1024, 1024L * 1024 * 1024 * 1024)]
    public long MaxSpoolBytes { get; set; } = 1024 * 1024 * 1024;
}
