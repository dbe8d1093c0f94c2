namespace AsyncCheckpoints.Spool;

/// <summary>A row in the file of a spool.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Id">Its id.</param>
internal sealed record SpoolRow(string Table, long Id);
