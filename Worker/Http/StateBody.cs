using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http.Features;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>Reads a request's body as a state, byte for byte and bounded.</summary>
internal static class StateBody
{
    /// <summary>Reads the body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="maxStateBytes">The largest state.</param>
    /// <exception cref="ApiException">It is larger, or has a content encoding.</exception>
    /// <exception cref="BadHttpRequestException">It did not come in time, or not as the protocol wants it.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext context, int maxStateBytes)
    {
        var request = context.Request;
        if (request.Headers.ContentEncoding is { Count: > 0 } encoding && !encoding.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            throw ApiException.EncodedBody(encoding.ToString());
        }

        if (request.ContentLength > maxStateBytes)
        {
            throw ApiException.TooLarge(maxStateBytes, request.ContentLength);
        }

        // The bound is ours: the server's own, 30 MB, is below the largest that can be configured.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = null;
        }

        // Each read is ended before anything is thrown: else Kestrel cannot read the rest of the body away.
        await using var cut = context.RequestAborted.UnsafeRegister(static reader => ((PipeReader)reader!).CancelPendingRead(), request.BodyReader);
        // Of the size that it will have: one that grows holds up to three times that meanwhile.
        var state = request.ContentLength is > 0 and var length ? new ArrayBufferWriter<byte>((int)length) : new ArrayBufferWriter<byte>();
        while (true)
        {
            var read = await ReadAsync(request.BodyReader);
            var isTooLarge = state.WrittenCount + read.Buffer.Length > maxStateBytes;
            foreach (var segment in isTooLarge ? default : read.Buffer)
            {
                if (!segment.IsEmpty)
                {
                    state.Write(segment.Span);
                }
            }

            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (isTooLarge)
            {
                throw ApiException.TooLarge(maxStateBytes, length: null);
            }

            if (read.IsCanceled)
            {
                throw new BadHttpRequestException("The body did not arrive in time.", StatusCodes.Status408RequestTimeout);
            }

            if (read.IsCompleted)
            {
                return state.WrittenMemory;
            }
        }
    }

    private static async Task<ReadResult> ReadAsync(PipeReader reader)
    {
        try
        {
            return await reader.ReadAsync(CancellationToken.None);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            throw new BadHttpRequestException("The body ended early, or is not as HTTP has it.", StatusCodes.Status400BadRequest, e);
        }
    }
}
