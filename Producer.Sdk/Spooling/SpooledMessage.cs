using AsyncCheckpoints.Contracts;

namespace AsyncCheckpoints.Spooling;

/// <summary>A message in the spool.</summary>
/// <param name="Id">Its place; rising.</param>
/// <param name="Message">The message, with the command id it had.</param>
/// <param name="Bytes">Its size in the spool.</param>
internal sealed record SpooledMessage(long Id, CheckpointCommands Message, long Bytes);
