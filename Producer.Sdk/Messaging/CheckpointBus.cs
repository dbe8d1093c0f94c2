using MassTransit;

namespace AsyncCheckpoints.Messaging;

internal sealed class CheckpointBus(IBusControl control) : BusInstance<ICheckpointBus>(control), ICheckpointBus;
