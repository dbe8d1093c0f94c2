using System.Reflection;

namespace AsyncCheckpoints.Tests.Sessions;

/// <summary>A client whose saves can fail on the way there or on the way back, over a real one.</summary>
public class FaultyClient : DispatchProxy
{
    private ICheckpointClient _inner = null!;

    /// <summary>How many saves fail before they are made.</summary>
    public int LostRequests { get; set; }

    /// <summary>How many saves fail after they were made.</summary>
    public int LostAnswers { get; set; }

    /// <summary>How many deletions fail.</summary>
    public int LostDeletes { get; set; }

    public static (ICheckpointClient Client, FaultyClient Faults) Over(ICheckpointClient inner)
    {
        var client = Create<ICheckpointClient, FaultyClient>();
        var faults = (FaultyClient)client;
        faults._inner = inner;
        return (client, faults);
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
    {
        nameof(ICheckpointClient.SaveAsync) => SaveAsync((Checkpoint)args![0]!, (SaveOptions?)args[1]),
        nameof(ICheckpointClient.DeleteAsync) when LostDeletes-- > 0 => Task.FromException<Durability>(new CheckpointUnavailableException("Lost.")),
        _ => targetMethod.Invoke(_inner, args),
    };

    private async Task<SaveResult> SaveAsync(Checkpoint checkpoint, SaveOptions? options)
    {
        if (LostRequests-- > 0)
        {
            throw new CheckpointUnavailableException("Lost.");
        }

        var result = await _inner.SaveAsync(checkpoint, options);
        return LostAnswers-- > 0 ? throw new CheckpointUnavailableException("Lost.") : result;
    }
}
