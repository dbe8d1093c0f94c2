using AsyncCheckpoints.Tests.Faults;
using AsyncCheckpoints.Tests.Jobs;
using Xunit;
using Xunit.Abstractions;

// The outages at their full length are a long wait beside two cores' worth of the others.
[assembly: CollectionBehavior(MaxParallelThreads = 3)]
[assembly: TestCollectionOrderer("AsyncCheckpoints.Tests.LongestFirst", "AsyncCheckpoints.Worker.Tests")]

namespace AsyncCheckpoints.Tests;

/// <summary>The collections that take longest begin first: in any other order the run waits for them at its end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Longest = [FaultTestGroup.Name, nameof(OutageTests), nameof(SmallJobKillTests)];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(collection => Array.FindIndex(Longest, collection.DisplayName.EndsWith) is >= 0 and var place ? place : Longest.Length);
}
