using System.Text.Json;
using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Worker.Jobs.Erase;

/// <summary>Says of what lies in a message whether it is to be erased.</summary>
/// <param name="arguments">What is to be erased.</param>
internal sealed class EraseScope(EraseArguments arguments)
{
    /// <summary>The executions.</summary>
    public ExecutionPattern Pattern { get; } = new(arguments.Executions ?? "*");

    /// <summary>Metadata to have; null: whole executions go.</summary>
    public JsonElement? Metadata => arguments.Metadata;

    /// <summary>Whether all of an execution goes.</summary>
    /// <param name="execution">Its id.</param>
    public bool HasWhole(string execution) => Metadata is null && Pattern.Fits(execution);

    /// <summary>Whether a checkpoint goes.</summary>
    /// <param name="record">Its fields.</param>
    /// <exception cref="JsonException">Its metadata are damaged.</exception>
    public bool Has(CheckpointRecord record) => Pattern.Fits(record.ExecutionId)
        && (Metadata is not { } filter || MetadataFilter.Matches(record.MetadataJson.Length == 0 ? null : JsonElement.Parse(record.MetadataJson), filter));
}
