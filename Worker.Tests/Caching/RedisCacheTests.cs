using System.Diagnostics;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Redis;
using Shouldly;

namespace AsyncCheckpoints.Tests.Caching;

public sealed class RedisCacheTests : CacheConformanceTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private readonly string _prefix = $"test-{Guid.NewGuid():N}";

    private protected override ICheckpointCache Create(string name = "") =>
        new RedisCheckpointCache(RedisServer.ConnectionString, _prefix + name, 8, Timeout);

    private protected override ICheckpointCache Another(ICheckpointCache sut) => Own(Create());

    private protected override async Task UntilAsync(Func<Task<bool>> condition)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
            await Task.Delay(20);
        }
    }
}
