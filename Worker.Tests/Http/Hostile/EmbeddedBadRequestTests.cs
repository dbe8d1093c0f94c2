using Xunit;
using Xunit.Abstractions;

namespace AsyncCheckpoints.Tests.Http.Hostile;

/// <summary>By itself: cache and queue in its process, and SQLite.</summary>
public sealed class EmbeddedBadRequestHost : BadRequestHost;

public sealed class EmbeddedBadRequestTests(EmbeddedBadRequestHost host, ITestOutputHelper output)
    : BadRequestTests(host, output, 1000), IClassFixture<EmbeddedBadRequestHost>;
