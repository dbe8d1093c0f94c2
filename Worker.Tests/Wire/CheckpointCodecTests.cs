using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Wire;

/// <summary>
/// The bytes that other builds have written, and the hash by which they know the same content: both are a contract. The
/// values are those of a build before this test. How a state is compressed may differ.
/// </summary>
public sealed class CheckpointCodecTests
{
    private static readonly Checkpoint All = new()
    {
        ExecutionId = "execution é",
        Namespace = "sub/{graph}",
        Id = "id",
        ParentId = "parent",
        NodeName = "node",
        Version = -7,
        State = Encoding.UTF8.GetBytes(new string('s', 300)),
        ContentType = "text/plain",
        Metadata = JsonElement.Parse("""{"a":{"b":[1,null,"x"]}}"""),
        CreatedAt = DateTimeOffset.UnixEpoch.AddMicroseconds(1_234_567),
    };

    public static TheoryData<string, string?, string> Golden => new()
    {
        {
            "all",
            "c0b95e2aae7b2d96c7faf29ea177bdbca2ef7cfdb8eb5692f646ac81b329dda8",
            "0571d5d11420d64b83d2fc077b6aed1a2d6e7cffcfefb3c61f12e391e0e79119"
        },
        {
            "compressed",
            null,
            "0571d5d11420d64b83d2fc077b6aed1a2d6e7cffcfefb3c61f12e391e0e79119"
        },
        {
            "no parent",
            "0929aa763f30923f23eed7d875b06266ebccf515459b91e39eb0b9ea08d339c6",
            "30751a89d61efeebeb63faf8de1daeec6c9a6d3490e26274f34a3c62ad09984e"
        },
        {
            "empty parent",
            "f93156530757d34bc53a759ca1a4602be1c5980f5303125cc7428e1dd603b742",
            "4458af3b97987ecfcc5c1bf1136a2a9ca22c1ea56c07203ec498cdbfeef324ae"
        },
        {
            "no metadata",
            "07a23beacb396073638a9fb5d4dcf524559c38fa6e1a5199faff603781a44aea",
            "9b57b01346a259aa4e43971398521575bf998e6ca52ad5991bf2e21ae50dc49e"
        },
        {
            "empty state",
            "a24af9b6659ddf5388d9f6c4512df32a253a5990020b29bed3c3e8f37698ff55",
            "ef1fc1d3c2949371a7bf3c14db069304265141580c735c053e7e05448e8ca914"
        },
        {
            "least",
            "38fef120259c0bd3467a56bbd1f130a3d3cd501780d8fd1118535c1b858140d1",
            "38fef120259c0bd3467a56bbd1f130a3d3cd501780d8fd1118535c1b858140d1"
        },
    };

    [Theory]
    [MemberData(nameof(Golden))]
    public void Encode_GivesTheBytesAndTheHashOfEarlierBuilds(string what, string? record, string contentHash)
    {
        var encoded = CheckpointCodec.Encode(Make(what), what == "compressed" ? 100 : int.MaxValue);

        Convert.ToHexStringLower(encoded.ContentHash.Span).ShouldBe(contentHash);
        if (record is not null)
        {
            Convert.ToHexStringLower(SHA256.HashData(encoded.Record.Span)).ShouldBe(record);
        }
    }

    private static Checkpoint Make(string what) => what switch
    {
        "no parent" => All with { ParentId = null },
        "empty parent" => All with { ParentId = "" },
        "no metadata" => All with { Metadata = null },
        "empty state" => All with { State = default },
        "least" => new Checkpoint { ExecutionId = "e", Id = "i", CreatedAt = DateTimeOffset.UnixEpoch },
        _ => All,
    };
}
