using AsyncCheckpoints.Tests.Storage.Postgres;
using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Postgres;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class PostgresJobStoreTests : JobStoreConformanceTests
{
    private protected override async Task<ICheckpointArchive> CreateAsync() =>
        new PostgresArchive(new() { ConnectionString = await PostgresDatabase.CreateAsync() });
}
