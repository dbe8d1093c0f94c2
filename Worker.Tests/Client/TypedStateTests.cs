using AsyncCheckpoints.Tests.Pipeline;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Client;

/// <summary>Nearly everything fits the type parameter of a typed save. What was meant otherwise does not become the state.</summary>
public sealed class TypedStateTests
{
    private static readonly byte[] State = "the state"u8.ToArray();

    [Fact]
    public async Task SaveAsync_LevelOrTokenAfterTheCheckpoint_KeepsItsState()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var client = await deployment.CreateClientAsync();
        using var cancellation = new CancellationTokenSource();

        var saves = new[]
        {
            await client.SaveAsync(Make("level"), Durability.Cached),
            await client.SaveAsync(Make("both"), Durability.Cached, cancellation.Token),
            await client.SaveAsync(Make("token"), cancellation.Token),
        };

        saves.Select(saved => saved.Reached).ShouldBe([Durability.Cached, Durability.Cached, Durability.Persisted]);
        foreach (var saved in saves)
        {
            (await client.LoadAsync(saved.Key)).ShouldNotBeNull().State.ToArray().ShouldBe(State);
        }

        await cancellation.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => client.SaveAsync(Make("never"), Durability.Cached, cancellation.Token));
        await Should.ThrowAsync<OperationCanceledException>(() => client.SaveAsync(Make("never"), cancellation.Token));
        (await client.ListExecutionsAsync("never")).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task SaveAsync_StateThatIsNoObject_IsRefusedAtTheCall()
    {
        const string useState = "set Checkpoint.State to them";
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var client = await deployment.CreateClientAsync();

        Refused(() => client.SaveAsync(Make("never"), State)).ShouldContain(useState);
        Refused(() => client.SaveAsync(Make("never"), State.AsMemory())).ShouldContain(useState);
        Refused(() => client.SaveAsync(Make("never"), (ReadOnlyMemory<byte>)State)).ShouldContain(useState);
        Refused(() => client.SaveAsync(Make("never"), (object)State)).ShouldContain(useState);
        Refused(() => client.SaveAsync(Make("never"), (byte[]?)null)).ShouldContain(useState);
        Refused(() => client.SaveAsync(Make("never"), State, (System.Text.Json.JsonSerializerOptions?)null)).ShouldContain(useState);
        Refused(() => client.SaveAsync(Make("never"), (Durability?)Durability.Cached)).ShouldContain("The state is a Durability");
        Refused(() => client.SaveAsync(Make("never"), (Durability?)null)).ShouldContain("The state is a Durability");
        Refused(() => client.SaveAsync<SaveOptions>(Make("never"), new SaveOptions())).ShouldContain("The state is a SaveOptions");
        Refused(() => client.SaveAsync<CancellationToken>(Make("never"), default)).ShouldContain("The state is a CancellationToken");
        (await client.ListExecutionsAsync("never")).Items.ShouldBeEmpty();

        var saved = await client.SaveAsync(Make("text"), "a text is an object");
        (await client.LoadAsync(saved.Key)).ShouldNotBeNull().ReadState<string>().ShouldBe("a text is an object");
    }

    private static string Refused(Func<Task> save) => Should.Throw<ArgumentException>(() => { _ = save(); }).Message;

    private static Checkpoint Make(string executionId) => new() { ExecutionId = executionId, State = State };
}
