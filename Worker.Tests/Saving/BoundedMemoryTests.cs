using AsyncCheckpoints.Saving;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Saving;

public sealed class BoundedMemoryTests
{
    private readonly BoundedMemory<int, long> _sut = new(3, Math.Max);

    [Fact]
    public void Add_MoreThanItHolds_ForgetsTheOldest()
    {
        foreach (var key in new[] { 1, 2, 3, 1, 4, 5 })
        {
            _sut.Add(key, key);
        }

        Known().ShouldBe([1, 4, 5]);
    }

    [Fact]
    public void Add_Again_AfterItWasRemoved_IsNotForgottenEarly()
    {
        for (var round = 1; round <= 3; round++)
        {
            foreach (var key in new[] { 1, 2, 3 })
            {
                _sut.Add(key, round);
            }

            Known().ShouldBe([1, 2, 3]);
            foreach (var key in new[] { 1, 2, 3 })
            {
                _sut.Remove(key, round);
            }

            _sut.IsEmpty.ShouldBeTrue();
        }
    }

    [Fact]
    public void Add_Known_IsMerged_AndRemovedOnlyAsItIs()
    {
        _sut.Add(1, 7);
        _sut.Add(1, 5);
        _sut.Remove(1, 5);
        _sut.TryGetValue(1, out var value).ShouldBeTrue();
        value.ShouldBe(7);
    }

    private IEnumerable<int> Known() => Enumerable.Range(0, 10).Where(key => _sut.TryGetValue(key, out _));
}
