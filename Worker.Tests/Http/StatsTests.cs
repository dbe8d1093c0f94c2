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

        JsonElement stats = default;
        await Deployment.UntilAsync(
            async () => (stats = await worker.Http.GetFromJsonAsync<JsonElement>("/stats")).GetProperty("queueDepth").ValueKind == JsonValueKind.Number, "the queues are counted");

        stats.GetProperty("deadCommands").GetInt64().ShouldBe(2);
        stats.GetProperty("queueDepth").GetInt64().ShouldBe(0);
        stats.GetProperty("deadLetters").GetInt64().ShouldBe(0);
        (await worker.Http.GetFromJsonAsync<JsonElement>("/stats/history")).GetProperty("samples").EnumerateArray().Last().GetProperty("deadCommands").GetInt64().ShouldBe(2);
    }
}
