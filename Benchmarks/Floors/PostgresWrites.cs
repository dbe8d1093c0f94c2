using AsyncCheckpoints.Benchmarks.Measuring;

namespace AsyncCheckpoints.Benchmarks.Floors;

/// <summary>How a raw client writes many rows.</summary>
internal enum BulkWrite
{
    Unnest,
    Copy,
}

/// <summary>Npgsql by itself: batches of rows, one transaction each, on so many connections.</summary>
internal sealed class PostgresWrites(string name, BulkWrite how, int batchRows, int connections, int stateBytes, int count, int quickCount)
    : PostgresBatches(name, batchRows, connections, stateBytes, count, quickCount)
{
    protected override Task WriteAsync(PostgresTable table, IReadOnlyList<Row> rows) =>
        how == BulkWrite.Copy ? table.CopyAsync(rows) : table.UnnestAsync(rows);
}
