using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AsyncCheckpoints.Caching;
using AsyncCheckpoints.Contracts;
using AsyncCheckpoints.Reading;
using AsyncCheckpoints.Saving;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints;

/// <summary>Checks arguments at the edge and hands on: saves to the pipeline, reads to the reader.</summary>
internal sealed class CheckpointClient(SavePipeline pipeline, BufferBudget budget, CheckpointReader reader, IOptions<CheckpointOptions> options)
    : ICheckpointClient
{
    private static readonly SaveOptions DefaultSaveOptions = new();

    // Escapes would count against the bound of metadata.
    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly int _maxStateBytes = options.Value.MaxStateBytes;

    public Task<SaveResult> SaveAsync(Checkpoint checkpoint, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        CheckpointLimits.Validate(checkpoint, _maxStateBytes);
        options ??= DefaultSaveOptions;
        SaveOptionsValidator.Validate(options);
        if (cancellationToken.IsCancellationRequested)
        {
            return Task.FromCanceled<SaveResult>(cancellationToken);
        }

        checkpoint = pipeline.Complete(checkpoint);
        return options.ExpectedLatestId is { } expected
            ? SaveFencedAsync(checkpoint, options, expected, cancellationToken)
            : pipeline.SaveAsync(checkpoint, options, cancellationToken);
    }

    public bool TrySave(Checkpoint checkpoint)
    {
        CheckpointLimits.Validate(checkpoint, _maxStateBytes);
        return pipeline.TryBuffer(checkpoint);
    }

    public Task<Checkpoint?> LoadAsync(CheckpointKey key, CancellationToken cancellationToken = default)
    {
        CheckpointLimits.Validate(key);
        return reader.LoadAsync(key, includeState: true, cancellationToken);
    }

    public Task<Checkpoint?> LoadLatestAsync(string executionId, string @namespace = "", CancellationToken cancellationToken = default)
    {
        CheckpointLimits.ValidateId(executionId, nameof(executionId));
        CheckpointLimits.ValidateText(@namespace, nameof(@namespace), minimum: 0);
        return reader.LoadLatestAsync(executionId, @namespace, cancellationToken);
    }

    public Task<CheckpointPage> ListAsync(CheckpointQuery query, CancellationToken cancellationToken = default)
    {
        CheckpointLimits.Validate(query);
        return reader.ListAsync(query, cancellationToken);
    }

    public Task<ExecutionPage> ListExecutionsAsync(
        string prefix = "", int limit = 100, string? continuationToken = null, string contains = "", CancellationToken cancellationToken = default)
    {
        CheckpointLimits.ValidateText(prefix, nameof(prefix), minimum: 0);
        CheckpointLimits.ValidateText(contains, nameof(contains), minimum: 0);
        if (limit is < 1 or > CheckpointQuery.MaxLimit)
        {
            throw new ArgumentException($"limit is {limit}; 1 to {CheckpointQuery.MaxLimit} are allowed.", nameof(limit));
        }

        if (continuationToken is not null)
        {
            CheckpointLimits.ValidateId(continuationToken, nameof(continuationToken));
        }

        return reader.ListExecutionsAsync(prefix, contains, limit, continuationToken, cancellationToken);
    }

    public Task<bool> ExistsAsync(CheckpointKey key, CancellationToken cancellationToken = default)
    {
        CheckpointLimits.Validate(key);
        return IsFoundAsync(key, cancellationToken);
    }

    public Task<Durability> DeleteAsync(CheckpointKey key, Durability? durability = null, CancellationToken cancellationToken = default)
    {
        CheckpointLimits.Validate(key);
        return pipeline.DeleteAsync(PendingKind.Delete, key, SaveOptionsValidator.Validate(durability), cancellationToken);
    }

    public Task<Durability> ClearAsync(string executionId, Durability? durability = null, CancellationToken cancellationToken = default)
    {
        CheckpointLimits.ValidateId(executionId, nameof(executionId));
        return pipeline.DeleteAsync(PendingKind.Clear, new CheckpointKey(executionId, ""), SaveOptionsValidator.Validate(durability), cancellationToken);
    }

    public Task<SaveResult> ForkAsync(
        CheckpointKey source, string newExecutionId, SaveOptions? options = null, CancellationToken cancellationToken = default)
    {
        CheckpointLimits.Validate(source);
        CheckpointLimits.ValidateId(newExecutionId, nameof(newExecutionId));
        options ??= DefaultSaveOptions;

        // Whether the new execution is empty is known only to Redis.
        options = options with
        {
            Durability = options.Durability == Durability.Buffered ? Durability.Cached : options.Durability,
            ExpectedLatestId = SaveOptions.EmptyStream,
        };
        SaveOptionsValidator.Validate(options);
        return ForkCheckedAsync(source, newExecutionId, options, cancellationToken);
    }

    public Task FlushAsync(CancellationToken cancellationToken = default) => budget.FlushAsync(cancellationToken);

    private async Task<bool> IsFoundAsync(CheckpointKey key, CancellationToken cancellationToken) =>
        await reader.LoadAsync(key, includeState: false, cancellationToken) is not null;

    private async Task<SaveResult> ForkCheckedAsync(
        CheckpointKey source, string newExecutionId, SaveOptions options, CancellationToken cancellationToken)
    {
        var origin = await LoadAsync(source, cancellationToken) ?? throw new CheckpointNotFoundException(source);
        var copy = origin with { ExecutionId = newExecutionId, ParentId = null, Metadata = WithOrigin(origin), CreatedAt = default };
        return await SaveAsync(copy, options, cancellationToken);
    }

    /// <summary>
    /// Redis decides who is first. What it cannot know, because the stream has expired there, is brought back before.
    /// </summary>
    private async Task<SaveResult> SaveFencedAsync(Checkpoint checkpoint, SaveOptions options, string expected, CancellationToken cancellationToken)
    {
        if (expected.Length == 0 && await reader.LoadLatestAsync(checkpoint.ExecutionId, checkpoint.Namespace, cancellationToken) is { } latest
            && latest.Id != checkpoint.Id)
        {
            throw new CheckpointConflictException(checkpoint.Key, expected, latest.Id);
        }

        try
        {
            return await pipeline.SaveAsync(checkpoint, options, cancellationToken);
        }
        catch (CheckpointConflictException e) when (e.ActualLatestId is null)
        {
            if (await reader.LoadLatestAsync(checkpoint.ExecutionId, checkpoint.Namespace, cancellationToken) is null)
            {
                throw;
            }

            return await pipeline.SaveAsync(checkpoint, options, cancellationToken);
        }
    }

    private static JsonElement WithOrigin(Checkpoint origin)
    {
        var metadata = origin.Metadata is { } element ? JsonObject.Create(element)! : [];
        metadata["forkedFrom"] = new JsonObject
        {
            ["executionId"] = origin.ExecutionId,
            ["namespace"] = origin.Namespace,
            ["id"] = origin.Id,
            ["sequence"] = origin.Sequence,
        };
        return JsonElement.Parse(metadata.ToJsonString(Unescaped));
    }
}
