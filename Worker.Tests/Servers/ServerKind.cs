namespace AsyncCheckpoints.Tests.Servers;

[Flags]
internal enum ServerKind
{
    None = 0,
    Redis = 1,
    RabbitMq = 2,
    Postgres = 4,
    All = Redis | RabbitMq | Postgres,
}
