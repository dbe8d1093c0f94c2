using AsyncCheckpoints.Worker.Storage;

namespace AsyncCheckpoints.Tests.Faults.Failpoints;

/// <summary>What the worker takes its archive for.</summary>
internal interface IWatchedArchive : ICheckpointArchive, IJobStore;
