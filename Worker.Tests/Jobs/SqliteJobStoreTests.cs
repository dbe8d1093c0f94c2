using AsyncCheckpoints.Worker.Storage;
using AsyncCheckpoints.Worker.Storage.Sqlite;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class SqliteJobStoreTests : JobStoreConformanceTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("jobs");

    public override async Task DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private protected override Task<ICheckpointArchive> CreateAsync() =>
        Task.FromResult<ICheckpointArchive>(new SqliteArchive(new() { Path = Path.Combine(_folder.FullName, "a.db") }, TimeProvider.System));
}
