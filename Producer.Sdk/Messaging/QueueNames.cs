namespace AsyncCheckpoints.Messaging;

/// <summary>The names on the broker. A queue and the exchange in front of it have the same name.</summary>
/// <param name="Prefix">What all of them start with.</param>
internal sealed record QueueNames(string Prefix)
{
    /// <summary>Commands to the archive.</summary>
    public string Commands => $"{Prefix}.commands";

    /// <summary>Where the broker puts commands that were delivered too often.</summary>
    public string DeadCommands => $"{Prefix}.commands.dead";

    /// <summary>Requests to read the archive.</summary>
    public string Reads => $"{Prefix}.reads";

    /// <summary>The exchange of events.</summary>
    public string Events => $"{Prefix}.events";
}
