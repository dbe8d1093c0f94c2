namespace AsyncCheckpoints.Worker.Http.Access;

/// <summary>What a key of the HTTP API is good for; each role includes those before it.</summary>
public enum ApiRole
{
    /// <summary>Load and list checkpoints, export them, look at figures and jobs.</summary>
    Read,

    /// <summary>Save, fork and delete checkpoints.</summary>
    Write,

    /// <summary>Start and cancel jobs; read, retry and discard dead letters; read the audit trail.</summary>
    Operate,
}
