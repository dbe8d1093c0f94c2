using System.Net;
using AsyncCheckpoints.Contracts;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Http;

public abstract partial class ApiTests
{
    [Theory]
    [InlineData("GET", "/executions/{e}/checkpoints?limt=1", "limt")]
    [InlineData("GET", "/executions/{e}/checkpoints?Limit=1", "Limit")]
    [InlineData("GET", "/executions/{e}/checkpoints?limit=1&limit=2", "twice")]
    [InlineData("GET", "/executions/{e}/checkpoints?limit=0", "1 to 1000")]
    [InlineData("GET", "/executions/{e}/checkpoints?limit=1001", "1 to 1000")]
    [InlineData("GET", "/executions/{e}/checkpoints?limit=99999999999999999999", "'limit'")]
    [InlineData("GET", "/executions/{e}/checkpoints?limit=", "'limit'")]
    [InlineData("GET", "/executions/{e}/checkpoints?limit=1.0", "'1.0'")]
    [InlineData("GET", "/executions/{e}/checkpoints?afterSequence=x", "'afterSequence'")]
    [InlineData("GET", "/executions/{e}/checkpoints?order=asc", "newest, oldest")]
    [InlineData("GET", "/executions/{e}/checkpoints?includeState", "'includeState'")]
    [InlineData("GET", "/executions/{e}/checkpoints?includeState=True", "true and false")]
    [InlineData("GET", "/executions/{e}/checkpoints?allNamespaces=true&namespace=", "'namespace'")]
    [InlineData("GET", "/executions/{e}/checkpoints?metadata=[1]", "object")]
    [InlineData("GET", "/executions/{e}/checkpoints?metadata={", "JSON")]
    [InlineData("GET", "/executions/{e}/checkpoints?metadata={%22a%22:1e999}", "number")]
    [InlineData("GET", "/executions/{e}/checkpoints?metadata={%22a%22:0E-16384}", "number")]
    [InlineData("GET", "/executions/{e}/checkpoints?metadata={%22a%22:%22%5Cud800%22}", "etadata")]
    [InlineData("GET", "/executions/{e}/checkpoints?continuationToken=x", "ContinuationToken")]
    [InlineData("GET", "/executions/{e}/checkpoints?parentId=", "ParentId")]
    [InlineData("GET", "/executions/{e}/checkpoints?namespace=%0A", "U+000A")]
    [InlineData("GET", "/executions/{e}/checkpoints?namespace=%C3", "UTF-8")]
    [InlineData("GET", "/executions/{e}/checkpoints?namespace=%ED%A0%80", "UTF-8")]
    [InlineData("GET", "/executions/{e}/latest?id=1", "'id'")]
    [InlineData("GET", "/executions/{e}/latest?format=xml", "raw, json")]
    [InlineData("GET", "/executions?execution=a", "'execution'")]
    [InlineData("GET", "/executions?limit=0", "'limit'")]
    [InlineData("POST", "/executions/{e}/checkpoints?id=", "'id'")]
    [InlineData("POST", "/executions/{e}/checkpoints?durability=persited", "buffered, cached, queued, persisted")]
    [InlineData("POST", "/executions/{e}/checkpoints?durability=3", "'3'")]
    [InlineData("POST", "/executions/{e}/checkpoints?version=one", "'one'")]
    [InlineData("POST", "/executions/{e}/checkpoints?strict=1", "true and false")]
    [InlineData("POST", "/executions/{e}/checkpoints?createdAt=yesterday", "'yesterday'")]
    [InlineData("POST", "/executions/{e}/checkpoints?metadata=1", "object")]
    [InlineData("POST", "/executions/{e}/checkpoints?metadata={%22a%22:1,%22a%22:2}", "twice")]
    [InlineData("POST", "/executions/{e}/checkpoints?node=%00", "U+0000")]
    [InlineData("PUT", "/executions/{e}/checkpoints/a?id=b", "'id'")]
    [InlineData("POST", "/executions/{e}/checkpoints/a/fork", "'to'")]
    [InlineData("DELETE", "/executions/{e}?namespace=n", "'namespace'")]
    [InlineData("DELETE", "/executions/{e}/checkpoints/a?durability=all", "'all'")]
    public async Task BadValue_IsNamed(string method, string path, string named)
    {
        (await Http.PutAsync($"{Path()}/a", Body("x"))).EnsureSuccessStatusCode();
        using var request = new HttpRequestMessage(new HttpMethod(method), path.Replace("{e}", _execution, StringComparison.Ordinal));
        var problem = await ProblemAsync(await Http.SendAsync(request), HttpStatusCode.BadRequest, "bad-argument");
        problem.GetProperty("detail").GetString()!.ShouldContain(named, Case.Sensitive);
        (await Http.GetAsync($"{Path()}/a")).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task BadValue_TooLongId_NamesFieldValueAndBound()
    {
        var problem = await ProblemAsync(await Http.PutAsync($"{Path()}/{new string('x', 257)}", Body("x")), HttpStatusCode.BadRequest, "bad-argument");
        problem.GetProperty("detail").GetString().ShouldBe("Id has 257 characters; 1 to 256 are allowed.");
        problem.GetProperty("field").GetString().ShouldBe("id");
    }

    [Theory]
    [InlineData("GET", "/", 404)]
    [InlineData("GET", "/execution", 404)]
    [InlineData("GET", "/executions/a/checkpoints/b/c", 404)]
    [InlineData("GET", "/executions/a/latest/", 404)]
    [InlineData("PATCH", "/executions/a/checkpoints/b", 405)]
    [InlineData("DELETE", "/executions", 405)]
    [InlineData("GET", "/executions/a", 405)]
    [InlineData("POST", "/executions/a/latest", 405)]
    public async Task UnknownPathOrMethod_IsAProblem(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await Http.SendAsync(request);
        await ProblemAsync(response, (HttpStatusCode)status, status == 404 ? "no-such-path" : "method-not-allowed");
        (response.Content.Headers.Allow.Count > 0).ShouldBe(status == 405);
    }

    [Fact]
    public async Task Body_AsLargeAsAllowed_IsSaved_OneByteMoreIsNot()
    {
        var state = new byte[CheckpointLimits.DefaultMaxStateBytes];
        Random.Shared.NextBytes(state);
        (await Http.PutAsync($"{Path()}/a", new ByteArrayContent(state))).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await Http.GetByteArrayAsync($"{Path()}/a")).AsSpan().SequenceEqual(state).ShouldBeTrue();

        var problem = await ProblemAsync(
            await Http.PutAsync($"{Path()}/b", new ByteArrayContent(new byte[state.Length + 1])), HttpStatusCode.RequestEntityTooLarge, "too-large");
        problem.GetProperty("detail").GetString()!.ShouldContain($"{state.Length}");
        using var chunked = new HttpRequestMessage(HttpMethod.Put, $"{Path()}/b") { Content = new ByteArrayContent(new byte[state.Length + 1]) };
        chunked.Headers.TransferEncodingChunked = true;
        await ProblemAsync(await Http.SendAsync(chunked), HttpStatusCode.RequestEntityTooLarge, "too-large");
        (await Http.GetAsync($"{Path()}/b")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Body_WithContentEncoding_IsRefused()
    {
        using var body = Body("x");
        body.Headers.ContentEncoding.Add("gzip");
        await ProblemAsync(await Http.PutAsync($"{Path()}/a", body), HttpStatusCode.UnsupportedMediaType, "encoded-body");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"a\":\"\\ud800\"}")]
    public async Task MetadataHeader_Bad_Is400(string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, $"{Path()}/a") { Content = Body("x") };
        request.Headers.TryAddWithoutValidation("Checkpoint-Metadata", value).ShouldBeTrue();
        await ProblemAsync(await Http.SendAsync(request), HttpStatusCode.BadRequest, "bad-argument");
    }

    [Fact]
    public async Task MetadataHeader_AsLargeAsAllowed_IsSaved()
    {
        var value = $$"""{"a":"{{new string('x', CheckpointLimits.MaxMetadataBytes - 8)}}"}""";
        (await SaveAsync("?id=a", [1], "a/b", value)).StatusCode.ShouldBe(HttpStatusCode.Created);
        await ProblemAsync(await SaveAsync("?id=b", [1], "a/b", value.Insert(6, "x")), HttpStatusCode.BadRequest, "bad-argument");
    }

    [Fact]
    public async Task Fork_UnknownOrTaken_IsRefused()
    {
        (await Http.PutAsync($"{Path()}/a", Body("x"))).EnsureSuccessStatusCode();
        await ProblemAsync(await Http.PostAsync($"{Path()}/b/fork?to={_execution}-2", null), HttpStatusCode.NotFound, "not-found");
        (await Http.PostAsync($"{Path()}/a/fork?to={_execution}-2", null)).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await Http.PutAsync($"{Path($"{_execution}-2")}/b", Body("y"))).EnsureSuccessStatusCode();
        (await ProblemAsync(await Http.PostAsync($"{Path()}/a/fork?to={_execution}-2", null), HttpStatusCode.Conflict, "conflict"))
            .GetProperty("actualLatestId").GetString().ShouldBe("b");
    }

    [Fact]
    public async Task Logs_WhateverTheLevel_HoldNoStateAndNoMetadata()
    {
        var secret = $"secret-{Guid.NewGuid():N}";
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Path()}?metadata={{\"a\":\"{secret}\"}}") { Content = Body(secret) };
        (await Http.SendAsync(request)).EnsureSuccessStatusCode();
        await Http.GetAsync($"{Path()}?metadata={{\"a\":\"{secret}\"}}");
        await Http.GetAsync($"{Path()}?metadata={{\"a\":\"{secret}");
        await Http.GetAsync($"/executions/{_execution}/latest");
        host.Logs.Lines.ShouldNotContain(line => line.Contains(secret, StringComparison.Ordinal));
    }
}
