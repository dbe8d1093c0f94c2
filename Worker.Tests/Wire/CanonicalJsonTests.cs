using System.Text.Json;
using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Wire;

/// <summary>The content hash is taken over this text, so these values are a contract.</summary>
public sealed class CanonicalJsonTests
{
    [Theory]
    [InlineData("""{}""", """{}""")]
    [InlineData("""{"source":"loop","step":1}""", """{"step":1,"source":"loop"}""")]
    [InlineData(""" { "b" : { "bb" : 1 , "a" : [ ] , "B" : { } } , "a" : [ true , false , null ] } """, """{"a":[true,false,null],"b":{"B":{},"a":[],"bb":1}}""")]
    [InlineData("""{"a":[{"y":1,"x":2},3]}""", """{"a":[{"x":2,"y":1},3]}""")]
    [InlineData("""{"\u0061\/":"\u00fc\ud83d\ude00 \"\\\/\b\n\u001f\u007f<'&>"}""", "{\"a/\":\"ü😀 \\\"\\\\/\\u0008\\u000a\\u001f\u007f<'&>\"}")]
    [InlineData("""{"":""}""", """{"":""}""")]
    public void Of_OneTextForEqualJson(string json, string canonical)
    {
        CanonicalJson.Of(JsonElement.Parse(json)).ShouldBe(canonical);
        CanonicalJson.Of(JsonElement.Parse(canonical)).ShouldBe(canonical);
    }

    [Theory]
    [InlineData("0", "0")]
    [InlineData("-0", "0")]
    [InlineData("-0.00", "0")]
    [InlineData("0E99999999999", "0")]
    [InlineData("7", "7")]
    [InlineData("-7", "-7")]
    [InlineData("100", "100")]
    [InlineData("1E2", "100")]
    [InlineData("1e+2", "100")]
    [InlineData("100.0", "100")]
    [InlineData("0.1E3", "100")]
    [InlineData("1000000000000000000000E-19", "100")]
    [InlineData("1.50", "1.5")]
    [InlineData("15e-1", "1.5")]
    [InlineData("-12.340e1", "-123.4")]
    [InlineData("1E-3", "0.001")]
    [InlineData("0.00100", "0.001")]
    [InlineData("12345678901234567890.123456789", "12345678901234567890.123456789")]
    [InlineData("1E63", "1000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("1E64", "1E64")]
    [InlineData("1.230E+300", "123E298")]
    [InlineData("10000000000000000000000000000000000000000000000000000000000000000", "1E64")]
    [InlineData("-5E-324", "-5E-324")]
    [InlineData("1E99999999999", "1E99999999999")]
    public void Of_OneTextForEqualNumbers(string number, string canonical)
    {
        CanonicalJson.Of(JsonElement.Parse(number)).ShouldBe(canonical);
        CanonicalJson.Of(JsonElement.Parse(canonical)).ShouldBe(canonical);
    }

    [Theory]
    [InlineData("""{"a":1}""", """{"a":"1"}""")]
    [InlineData("""{"a":1}""", """{"a":-1}""")]
    [InlineData("""{"a":0.1}""", """{"a":0.01}""")]
    [InlineData("""{"a":10}""", """{"a":1}""")]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""")]
    [InlineData("""{"a":"\\u0061"}""", """{"a":"a"}""")]
    [InlineData("""{"a":"b\",\"c"}""", """{"a":"b","c":""}""")]
    [InlineData("""{"a":null}""", """{}""")]
    [InlineData("""{"a":9007199254740993}""", """{"a":9007199254740992}""")]
    public void Of_OtherJson_IsAnotherText(string one, string other) =>
        CanonicalJson.Of(JsonElement.Parse(one)).ShouldNotBe(CanonicalJson.Of(JsonElement.Parse(other)));

    /// <summary>No valid checkpoint has one; what reads an archive may meet one.</summary>
    [Fact]
    public void Of_HalfASurrogatePair_IsLeftAsItIs() =>
        CanonicalJson.Of(JsonElement.Parse("""{"b":1, "a":"\ud800"}""")).ShouldBe("""{"b":1, "a":"\ud800"}""");
}
