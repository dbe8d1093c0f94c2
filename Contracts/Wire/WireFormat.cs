using System.Net.Mime;

namespace AsyncCheckpoints.Contracts;

/// <summary>Constants of the wire contract.</summary>
public static class WireFormat
{
    /// <summary>The version that this program writes, and the highest that it reads.</summary>
    public const int SchemaVersion = 1;

    /// <summary>The content type of all commands, requests and answers.</summary>
    public static readonly ContentType ContentType = new("application/x-protobuf");

    /// <summary>Refuses a message of a newer version.</summary>
    /// <param name="schemaVersion">The message's version.</param>
    /// <exception cref="CheckpointFormatException">It is not a version that this program reads.</exception>
    public static void RequireReadable(int schemaVersion)
    {
        if (schemaVersion is < 1 or > SchemaVersion)
        {
            throw new CheckpointFormatException(
                $"The message's schema version is {schemaVersion}; this program reads 1 to {SchemaVersion}.");
        }
    }
}
