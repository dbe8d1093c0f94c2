using MassTransit;

namespace AsyncCheckpoints.Messaging;

/// <summary>The client's own bus, beside whatever bus the application has.</summary>
internal interface ICheckpointBus : IBus;
