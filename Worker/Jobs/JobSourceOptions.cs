namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>A store that back-fill and verify may read. Configuration section: <c>Jobs:Sources:name</c>.</summary>
public sealed class JobSourceOptions
{
    /// <summary>What it is.</summary>
    public JobSourceKind Kind { get; set; }

    /// <summary>Npgsql connection string, or StackExchange.Redis configuration.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>The SQLite file, or the folder of JSON files.</summary>
    public string? Path { get; set; }

    /// <summary>PostgreSQL's schema of another archive.</summary>
    /// <value>The default value is "checkpoints".</value>
    public string Schema { get; set; } = "checkpoints";

    /// <summary>What the table names of another archive start with.</summary>
    /// <value>The default value is "".</value>
    public string TablePrefix { get; set; } = "";

    /// <summary>The table of langgraphgo.</summary>
    /// <value>The default value is "checkpoints".</value>
    public string Table { get; set; } = "checkpoints";

    /// <summary>What the keys of langgraphgo in Redis start with.</summary>
    /// <value>The default value is "langgraph:".</value>
    public string KeyPrefix { get; set; } = "langgraph:";
}
