using System.Net.Http.Json;
using System.Text.Json;
using AsyncCheckpoints.Tests.Jobs;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

public sealed class StatsTests
{
    [Fact]
    public async Task Stats_CommandsThatTheBrokerGaveUp_AreCountedApart()
    {
        await using var worker = new JobWorker { ["Worker__SampleInterval"] = "00:00:00.100" };
        await RawQueue.PublishDeadAsync(SharedServers.RabbitMq, worker.UseServers(), "one"u8.ToArray(), "two"u8.ToArray());
        await worker.StartAsync();

        // A broker that is busy for a quarter of a second says that a quorum queue has none.
        JsonElement stats = default;
        await Deployment.UntilAsync(
            async () => IsTwo((stats = await worker.Http.GetFromJsonAsync<JsonElement>("/stats")).GetProperty("deadCommands")), "the queues are counted");

        stats.GetProperty("queueDepth").GetInt64().ShouldBe(0);
        stats.GetProperty("deadLetters").GetInt64().ShouldBe(0);
        await Deployment.UntilAsync(
            async () => (await worker.Http.GetFromJsonAsync<JsonElement>("/stats/history")).GetProperty("samples").EnumerateArray()
                .Any(sample => IsTwo(sample.GetProperty("deadCommands"))),
            "a sample has them, too");

        static bool IsTwo(JsonElement count) => count.ValueKind == JsonValueKind.Number && count.GetInt64() == 2;
    }
}
