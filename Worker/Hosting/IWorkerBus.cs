using MassTransit;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>
/// The bus that consumes, apart from the one that publishes: a broker with a memory alarm blocks connections that
/// publish, and consuming is what clears the alarm.
/// </summary>
internal interface IWorkerBus : IBus;
