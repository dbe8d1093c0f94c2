using AsyncCheckpoints.Worker.Http.Access;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Http;

/// <summary>Bounds how many requests are served at the same time, and with it the memory that their bodies take.</summary>
internal sealed class ApiGauge(IOptions<ApiOptions> options)
{
    private readonly int _max = options.Value.MaxConcurrentRequests;
    private int _count;

    /// <summary>Takes a place until it is disposed of.</summary>
    /// <exception cref="ApiException">All are taken.</exception>
    public IDisposable Enter()
    {
        if (Interlocked.Increment(ref _count) > _max)
        {
            Interlocked.Decrement(ref _count);
            throw new ApiException(ApiProblem.Create(
                StatusCodes.Status503ServiceUnavailable,
                "busy",
                "Too many requests are under way; try again later.",
                $"{_max} are served at the same time (Worker:Http:MaxConcurrentRequests)."));
        }

        return new Place(this);
    }

    private sealed class Place(ApiGauge gauge) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref gauge._count);
    }
}
