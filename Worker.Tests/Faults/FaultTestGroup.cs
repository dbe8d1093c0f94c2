using Xunit;

namespace AsyncCheckpoints.Tests.Faults;

[CollectionDefinition(Name)]
public sealed class FaultTestGroup : ICollectionFixture<FaultServers>
{
    public const string Name = "Faults";
}
