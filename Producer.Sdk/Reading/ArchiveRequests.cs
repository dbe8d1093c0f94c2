using System.Runtime.InteropServices;
using System.Text;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Reading;

/// <summary>Queries as they travel to the worker.</summary>
internal static class ArchiveRequests
{
    /// <summary>A query, id and position as a request.</summary>
    /// <param name="query">The query.</param>
    /// <param name="id">Only this checkpoint.</param>
    /// <param name="after">Where the page before ended.</param>
    public static FindCheckpoints Create(CheckpointQuery query, string? id, ListPosition? after)
    {
        var request = new FindCheckpoints
        {
            SchemaVersion = WireFormat.SchemaVersion,
            ExecutionId = query.ExecutionId,
            MetadataJson = query.Metadata is { } metadata ? Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8Value(metadata)) : "",
            Limit = query.Limit,
            OldestFirst = query.OldestFirst,
            IncludeState = query.IncludeState,
        };
        if (query.Namespace is not null)
        {
            request.Namespace = query.Namespace;
        }

        if (id is not null)
        {
            request.Id = id;
        }

        if (query.ParentId is not null)
        {
            request.ParentId = query.ParentId;
        }

        if (query.NodeName is not null)
        {
            request.NodeName = query.NodeName;
        }

        if (query.AfterSequence is { } afterSequence)
        {
            request.AfterSequence = afterSequence;
        }

        if (query.BeforeSequence is { } beforeSequence)
        {
            request.BeforeSequence = beforeSequence;
        }

        if (after is { } position)
        {
            request.After = new Position { Sequence = position.Sequence, Namespace = position.Namespace, Id = position.Id };
        }

        return request;
    }
}
