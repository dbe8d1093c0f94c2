using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Google.Protobuf;

namespace AsyncCheckpoints.Caching;

/// <summary>The conditions of a query that a cache checks on the record itself.</summary>
internal static class ListFilter
{
    /// <summary>
    /// The checkpoint as the query wants it (without its state where that is not asked for); null when it does not match.
    /// One that cannot be read is handed on as it is: whoever decodes it says so, and of its neighbours nothing is lost.
    /// </summary>
    /// <param name="query">The query.</param>
    /// <param name="checkpoint">The checkpoint.</param>
    public static CachedCheckpoint? TryMatch(CheckpointQuery query, CachedCheckpoint checkpoint)
    {
        if (query is { IncludeState: true, ParentId: null, NodeName: null, Metadata: null })
        {
            return checkpoint;
        }

        try
        {
            return Match(query, checkpoint);
        }
        catch (CheckpointFormatException)
        {
            return checkpoint;
        }
    }

    private static CachedCheckpoint? Match(CheckpointQuery query, CachedCheckpoint checkpoint)
    {
        var fields = CheckpointCodec.Parse(checkpoint.Record);
        if ((query.ParentId is { } parent && (!fields.HasParentId || fields.ParentId != parent))
            || (query.NodeName is { } node && fields.NodeName != node)
            || (query.Metadata is { } filter && !MetadataFilter.Matches(ParseMetadata(fields), filter)))
        {
            return null;
        }

        if (query.IncludeState)
        {
            return checkpoint;
        }

        fields.State = ByteString.Empty;
        return checkpoint with { Record = fields.ToByteArray() };
    }

    private static JsonElement? ParseMetadata(CheckpointRecord fields)
    {
        try
        {
            return CheckpointCodec.ParseMetadata(fields.MetadataJson);
        }
        catch (JsonException e)
        {
            throw new CheckpointFormatException($"The metadata of '{fields.ExecutionId}'/'{fields.Id}' is not valid: {e.Message}", e);
        }
    }
}
