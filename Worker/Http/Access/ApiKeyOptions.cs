namespace AsyncCheckpoints.Worker.Http.Access;

/// <summary>A key of the HTTP API, of which only the hash is known here. <c>checkpoints api-key create</c> makes one.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>What it is good for (<see cref="ApiRole"/>): "read", "write" or "operate". Required.</summary>
    /// <value>The default value is "".</value>
    public string Role { get; set; } = "";

    /// <summary>The SHA-256 of the key's text, as 64 hexadecimal digits. Required.</summary>
    /// <value>The default value is "".</value>
    public string Sha256 { get; set; } = "";
}
