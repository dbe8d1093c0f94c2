using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.InProcess;
using AsyncCheckpoints.Saving;
using AsyncCheckpoints.Worker.Jobs.Sources;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Jobs;

public sealed class CacheSourceTests
{
    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(0)]
    public async Task FindAsync_MaxBytes_BoundsThePage(int compressAboveBytes)
    {
        var cache = new InProcessCheckpointCache(TimeProvider.System);
        using var link = new CacheLink(cache, new SequenceClock(TimeProvider.System), TimeProvider.System, NullLogger<CacheLink>.Instance);
        await using var sut = new CacheSource(link, CheckpointLimits.DefaultMaxStateBytes);
        for (var i = 1; i <= 10; i++)
        {
            var checkpoint = new Checkpoint { ExecutionId = "e", Id = $"{i}", State = new byte[100_000], CreatedAt = DateTimeOffset.UnixEpoch };
            await cache.SaveAsync(CheckpointCodec.Encode(checkpoint, compressAboveBytes), i, default, null, default);
        }

        var query = new CheckpointQuery { ExecutionId = "e", OldestFirst = true, Limit = 1000 };
        var found = new List<long>();
        SourcePage? page = null;
        do
        {
            page = await sut.FindAsync(query, page?.Last, 300_000, default);
            page.Items.Count.ShouldBeInRange(1, 3);
            found.AddRange(page.Items.Select(item => item.Sequence));
        }
        while (page.HasMore);

        found.ShouldBe(Enumerable.Range(1, 10).Select(i => (long)i));
    }
}
