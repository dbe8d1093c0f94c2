using System.ComponentModel.DataAnnotations;

namespace AsyncCheckpoints.Worker.Http.Access;

/// <summary>The settings of the HTTP API. Configuration section: <c>Worker:Http</c>. They are read once, at the start.</summary>
public sealed class ApiOptions
{
    /// <summary>
    /// The keys, by the name that the audit trail gives to who uses them: 1 to 64 letters, digits, '-', '_' or '.'. With
    /// keys, every request for data needs one; without any, only this machine is served.
    /// </summary>
    /// <value>Empty by default.</value>
    public Dictionary<string, ApiKeyOptions> ApiKeys { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>How long a request may take, its body included; an export may take longer.</summary>
    /// <value>The default value is 1 minute.</value>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The most requests for data that are served at the same time; more are answered with 503 at once.</summary>
    /// <value>The default value is 512.</value>
    [Range(1, 100_000)]
    public int MaxConcurrentRequests { get; set; } = 512;
}
