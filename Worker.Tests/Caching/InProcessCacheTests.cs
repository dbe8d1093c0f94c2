using AsyncCheckpoints.Caching;
using AsyncCheckpoints.InProcess;
using Shouldly;

namespace AsyncCheckpoints.Tests.Caching;

public sealed class InProcessCacheTests : CacheConformanceTests
{
    private readonly ManualTime _time = new(new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));

    private protected override ICheckpointCache Create(string name = "") => new InProcessCheckpointCache(_time, 8);

    private protected override async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; !await condition(); i++)
        {
            i.ShouldBeLessThan(1000);
            _time.Advance(TimeSpan.FromMilliseconds(20));
        }
    }
}
