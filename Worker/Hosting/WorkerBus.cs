using MassTransit;

namespace AsyncCheckpoints.Worker.Hosting;

internal sealed class WorkerBus(IBusControl control) : BusInstance<IWorkerBus>(control), IWorkerBus;
