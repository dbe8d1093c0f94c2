using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AsyncCheckpoints;

/// <summary>
/// States as JSON (System.Text.Json). The overloads with a <see cref="JsonTypeInfo{T}"/> work with source generation and
/// native AOT; those with <see cref="JsonSerializerOptions"/> use reflection. What is no object of the application is
/// refused: bytes (<see cref="Checkpoint.State"/> takes them as they are) and the arguments of a call.
/// </summary>
public static class CheckpointJsonExtensions
{
    /// <summary>The content type that the typed overloads set.</summary>
    public const string JsonContentType = "application/json";

    internal const string Reflection = "Serialises by reflection; pass a JsonTypeInfo<T> instead.";

    private const string ForBytes = "set Checkpoint.State to them and leave this argument out";

    /// <summary>Saves an object as a checkpoint's state.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="client">The client.</param>
    /// <param name="checkpoint">The rest of the checkpoint; its state and content type are replaced.</param>
    /// <param name="state">The state.</param>
    /// <param name="typeInfo">How to serialise it.</param>
    /// <param name="options">The level to reach and what to check.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What was reached.</returns>
    /// <exception cref="ArgumentException">The state is bytes, or an argument of the call; a retry fails again.</exception>
    /// <exception cref="NotSupportedException">The type cannot be serialised.</exception>
    public static Task<SaveResult> SaveAsync<T>(
        this ICheckpointClient client,
        Checkpoint checkpoint,
        T state,
        JsonTypeInfo<T> typeInfo,
        SaveOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(checkpoint);
        return client.SaveAsync(WithJson(checkpoint, ToJson(state, typeInfo, ForBytes)), options, cancellationToken);
    }

    /// <summary>Saves an object as a checkpoint's state.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="client">The client.</param>
    /// <param name="checkpoint">The rest of the checkpoint; its state and content type are replaced.</param>
    /// <param name="state">The state.</param>
    /// <param name="serializerOptions">How to serialise it; null: the web defaults.</param>
    /// <param name="options">The level to reach and what to check.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>What was reached.</returns>
    /// <exception cref="ArgumentException">The state is bytes, or an argument of the call; a retry fails again.</exception>
    /// <exception cref="NotSupportedException">The type cannot be serialised.</exception>
    [RequiresUnreferencedCode(Reflection)]
    [RequiresDynamicCode(Reflection)]
    public static Task<SaveResult> SaveAsync<T>(
        this ICheckpointClient client,
        Checkpoint checkpoint,
        T state,
        JsonSerializerOptions? serializerOptions = null,
        SaveOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(checkpoint);
        return client.SaveAsync(WithJson(checkpoint, ToJson(state, serializerOptions, ForBytes)), options, cancellationToken);
    }

    /// <summary>Reads a checkpoint's state as an object.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="typeInfo">How to read it.</param>
    /// <exception cref="JsonException">The state is not JSON of that type.</exception>
    public static T? ReadState<T>(this Checkpoint checkpoint, JsonTypeInfo<T> typeInfo)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return JsonSerializer.Deserialize(checkpoint.State.Span, typeInfo);
    }

    /// <summary>Reads a checkpoint's state as an object.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="serializerOptions">How to read it; null: the web defaults.</param>
    /// <exception cref="JsonException">The state is not JSON of that type.</exception>
    [RequiresUnreferencedCode(Reflection)]
    [RequiresDynamicCode(Reflection)]
    public static T? ReadState<T>(this Checkpoint checkpoint, JsonSerializerOptions? serializerOptions = null)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return JsonSerializer.Deserialize<T>(checkpoint.State.Span, serializerOptions ?? JsonSerializerOptions.Web);
    }

    /// <summary>An object as JSON.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="state">The state.</param>
    /// <param name="typeInfo">How to serialise it.</param>
    /// <param name="forBytes">What to do with bytes instead.</param>
    /// <exception cref="ArgumentException">It is no object of the application.</exception>
    internal static byte[] ToJson<T>(T state, JsonTypeInfo<T> typeInfo, string forBytes)
    {
        RequireObject(state, forBytes);
        return JsonSerializer.SerializeToUtf8Bytes(state, typeInfo);
    }

    /// <summary>An object as JSON, by reflection.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="state">The state.</param>
    /// <param name="options">How to serialise it; null: the web defaults.</param>
    /// <param name="forBytes">What to do with bytes instead.</param>
    /// <exception cref="ArgumentException">It is no object of the application.</exception>
    [RequiresUnreferencedCode(Reflection)]
    [RequiresDynamicCode(Reflection)]
    internal static byte[] ToJson<T>(T state, JsonSerializerOptions? options, string forBytes)
    {
        RequireObject(state, forBytes);
        return JsonSerializer.SerializeToUtf8Bytes(state, options ?? JsonSerializerOptions.Web);
    }

    // Refuses what fits the type parameter, but was meant otherwise.
    private static void RequireObject<T>(T state, string forBytes)
    {
        var type = state?.GetType() ?? Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T);
        if (type == typeof(byte[]) || type == typeof(ReadOnlyMemory<byte>) || type == typeof(Memory<byte>))
        {
            throw new ArgumentException($"The state is bytes, of which JSON would make a base64 text; {forBytes}.", nameof(state));
        }

        if (type == typeof(SaveOptions) || type == typeof(Durability) || type == typeof(CancellationToken))
        {
            throw new ArgumentException(
                $"The state is a {type.Name}, an argument of the call and nothing to keep; set Checkpoint.State, or give a state before it.", nameof(state));
        }
    }

    private static Checkpoint WithJson(Checkpoint checkpoint, byte[] json) => checkpoint with { State = json, ContentType = JsonContentType };
}
