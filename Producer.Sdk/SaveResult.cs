namespace AsyncCheckpoints;

/// <summary>What a save has reached.</summary>
/// <param name="Key">The checkpoint's key, with the id that was made for it where the caller gave none.</param>
/// <param name="Sequence">
/// Its place in the order of saves; 0 while it is only buffered. Where <paramref name="Cached"/> is false because Redis's
/// answer was lost, Redis may have given it a later one, which then stands.
/// </param>
/// <param name="Reached">The level that holds now.</param>
/// <param name="Cached">Whether Redis has it, so that it can be read at once.</param>
/// <param name="Unchanged">The same id with the same content was there already; nothing has changed.</param>
/// <param name="Spooled">
/// The broker did not take it, but this machine's spool did: it survives a restart of the application and goes to the
/// archive once the broker is back.
/// </param>
public sealed record SaveResult(CheckpointKey Key, long Sequence, Durability Reached, bool Cached, bool Unchanged, bool Spooled = false);
