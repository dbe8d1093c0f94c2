using System.Runtime.InteropServices;
using AsyncCheckpoints.Contracts;
using Google.Protobuf;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Wire;

public sealed class FieldsInPlaceTests
{
    [Fact]
    public void Read_RecordsAndStates_ShareTheMemoryOfTheMessage()
    {
        var bytes = Make(saves: 3).ToByteArray();

        foreach (var save in FieldsInPlace.ReadCommands(bytes).Saves)
        {
            ArrayOf(save.Record).ShouldBeSameAs(bytes);
            var record = CheckpointCodec.Parse(save.Record.Memory);
            ArrayOf(record.State).ShouldBeSameAs(bytes);
            CheckpointCodec.Decode(save.Record.Memory, save.Sequence).State.ToArray().ShouldBe(record.State.ToByteArray());
        }

        static byte[] ArrayOf(ByteString bytes) => MemoryMarshal.TryGetArray(bytes.Memory, out var array) ? array.Array! : [];
    }

    /// <summary>Fields in another order, twice, of another type, from a later version, without an end: as the library has it.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("0801 1a00 1a00")] // Saves without anything.
    [InlineData("1a04 12023a00 1206 636f6d6d616e 0801")] // The version comes last.
    [InlineData("1a08 1201aa 1201bb 1801")] // Of two records the later.
    [InlineData("1a06 1201aa 1800 10")] // A tag at the end.
    [InlineData("1a07 1201aa 0807 1001")] // The record as a number.
    [InlineData("1800 0801")] // The saves as a number.
    [InlineData("1a05 1201aa 0807 fd0100000000 f90101000000000000 00")] // Lengths that are others' business; a tag 0.
    [InlineData("f5ff0301020304 f1ff030102030405060708 1a05 1201aa 0807 fa3f03aabbcc")] // Fields of a later version.
    [InlineData("1a8500 1201aa 0807")] // A length in more bytes than it needs.
    [InlineData("1a8580808080808080 8000 1201aa 0807")]
    [InlineData("9a8000 05 1201aa 0807")] // A tag, too.
    [InlineData("1affffffff07 1201aa")] // Longer than the message.
    [InlineData("1affffffffffffffffff01 1201aa")]
    [InlineData("1a05 1207aa 0807")] // A record that is longer than its save.
    [InlineData("3b 0801 3c 1a05 1201aa 0807")] // A group.
    [InlineData("3b 0801")]
    [InlineData("0880808080808080808080 01")]
    [InlineData("1a")]
    public void Read_Commands_AsTheLibraryDoes(string hex) => ShouldBeAlike(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)));

    [Fact]
    public void Read_TornAndChangedMessages_AsTheLibraryDoes()
    {
        var random = new Random(4711);
        var whole = Make(saves: 2).ToByteArray();
        for (var length = 0; length <= whole.Length; length++)
        {
            ShouldBeAlike(whole[..length]);
        }

        for (var i = 0; i < 20_000; i++)
        {
            var changed = whole.ToArray();
            for (var n = random.Next(1, 4); n > 0; n--)
            {
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            }

            ShouldBeAlike(changed);
        }
    }

    private static void ShouldBeAlike(byte[] bytes)
    {
        var expected = CheckpointCommands.Parser.TryParse(bytes);
        var read = TryRead(() => FieldsInPlace.ReadCommands(bytes));
        read.ShouldBe(expected, Convert.ToHexString(bytes));
        foreach (var save in expected?.Saves ?? [])
        {
            TryRead(() => FieldsInPlace.ReadRecord(save.Record.Memory)).ShouldBe(CheckpointRecord.Parser.TryParse(save.Record.Memory), Convert.ToHexString(bytes));
        }
    }

    private static T? TryRead<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static CheckpointCommands Make(int saves)
    {
        var message = new CheckpointCommands { SchemaVersion = 1, CommandId = "c" };
        for (var i = 0; i < saves; i++)
        {
            var checkpoint = new Checkpoint { ExecutionId = "e", Id = $"{i}", State = new byte[] { 1, 2, 3, (byte)i }, CreatedAt = DateTimeOffset.UnixEpoch };
            message.Saves.Add(new SaveCheckpoint
            {
                Sequence = 1_000_000 + i,
                Record = UnsafeByteOperations.UnsafeWrap(CheckpointCodec.Encode(checkpoint).Record),
                Cached = true,
                Cache = new CachePolicy { TtlMs = 5 },
                Traceparent = "00-1",
            });
        }

        message.Deletes.Add(new DeleteCheckpoint { ExecutionId = "e", Id = "d", Sequence = 7 });
        return message;
    }
}
