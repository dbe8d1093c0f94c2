namespace AsyncCheckpoints.Tests.Pipeline;

public enum ArchiveKind
{
    Sqlite,
    Postgres,
}
