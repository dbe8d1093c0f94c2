namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>The kinds of <see cref="JobSourceOptions"/>.</summary>
public enum JobSourceKind
{
    /// <summary>Not set.</summary>
    None,

    /// <summary>An AsyncCheckpoints archive in PostgreSQL.</summary>
    Postgres,

    /// <summary>An AsyncCheckpoints archive in SQLite.</summary>
    Sqlite,

    /// <summary>langgraphgo's table in PostgreSQL.</summary>
    LangGraphGoPostgres,

    /// <summary>langgraphgo's table in SQLite.</summary>
    LangGraphGoSqlite,

    /// <summary>langgraphgo's keys in Redis.</summary>
    LangGraphGoRedis,

    /// <summary>langgraphgo's folder of JSON files.</summary>
    LangGraphGoFiles,
}
