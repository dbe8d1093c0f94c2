using AsyncCheckpoints.Worker.Storage;
using Microsoft.Data.Sqlite;
using Npgsql;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Storage;

public sealed class TransientErrorsTests
{
    // Permanent: too long, not null, out of range, no such column, raised by a trigger, a duplicate key.
    [Theory]
    [InlineData("08006", true)]
    [InlineData("0A000", true)]
    [InlineData("26000", true)]
    [InlineData("42P05", true)]
    [InlineData("40P01", true)]
    [InlineData("53100", true)]
    [InlineData("55P03", true)]
    [InlineData("57P01", true)]
    [InlineData("58030", true)]
    [InlineData("XX001", true)]
    [InlineData("22001", false)]
    [InlineData("22003", false)]
    [InlineData("23502", false)]
    [InlineData("23505", false)]
    [InlineData("42703", false)]
    [InlineData("P0001", false)]
    public void IsTransient_Postgres(string state, bool isTransient) =>
        TransientErrors.IsTransient(new PostgresException("", "ERROR", "ERROR", state)).ShouldBe(isTransient);

    [Fact]
    public void IsTransient_NoMemory_IsWhereverItCameUp()
    {
        TransientErrors.IsTransient(new OutOfMemoryException()).ShouldBeTrue();
        TransientErrors.IsTransient(new InvalidOperationException("", new OutOfMemoryException())).ShouldBeTrue();
        TransientErrors.IsTransient(new InvalidOperationException()).ShouldBeFalse();
    }

    // https://www.sqlite.org/rescode.html: busy, I/O, corrupt, full, schema; error, too big, constraint, mismatch.
    [Theory]
    [InlineData(5, true)]
    [InlineData(10, true)]
    [InlineData(11, true)]
    [InlineData(13, true)]
    [InlineData(17, true)]
    [InlineData(1, false)]
    [InlineData(18, false)]
    [InlineData(19, false)]
    [InlineData(20, false)]
    public void IsTransient_Sqlite(int code, bool isTransient) => TransientErrors.IsTransient(new SqliteException("", code)).ShouldBe(isTransient);
}
