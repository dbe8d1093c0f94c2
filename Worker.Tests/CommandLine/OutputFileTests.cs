using System.Diagnostics;
using AsyncCheckpoints.Worker.CommandLine;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

public sealed class OutputFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("asynccheckpoints-output-");

    private string Target => Path.Combine(_folder.FullName, "target");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("old")]
    public async Task WriteAsync_Fails_LeavesWhatWasThere(string? before)
    {
        if (before is not null)
        {
            await File.WriteAllTextAsync(Target, before);
        }

        await Should.ThrowAsync<TimeoutException>(OutputFile.WriteAsync(new FileInfo(Target), async stream =>
        {
            await stream.WriteAsync("half"u8.ToArray());
            await stream.FlushAsync();
            ContentOf(Target).ShouldBe(before);
            throw new TimeoutException();
        }));

        ContentOf(Target).ShouldBe(before);
        _folder.GetFiles().Length.ShouldBe(before is null ? 0 : 1);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("old")]
    public async Task WriteAsync_ThroughALink_WritesWhereItLeads(string? before)
    {
        if (before is not null)
        {
            await File.WriteAllTextAsync(Target, before);
        }

        var link = Path.Combine(_folder.FullName, "link");
        File.CreateSymbolicLink(link, Target);
        await OutputFile.WriteAsync(new FileInfo(link), stream => stream.WriteAsync("new"u8.ToArray()).AsTask());
        new FileInfo(link).LinkTarget.ShouldBe(Target);
        ContentOf(Target).ShouldBe("new");
    }

    [Fact]
    public async Task WriteAsync_ToAPipe_GoesThroughIt()
    {
        using (var make = Process.Start("mkfifo", [Target]))
        {
            await make.WaitForExitAsync();
        }

        var read = Task.Run(() => File.ReadAllText(Target)); // To open it waits for the other end.
        await OutputFile.WriteAsync(new FileInfo(Target), stream => stream.WriteAsync("new"u8.ToArray()).AsTask());
        (await read).ShouldBe("new");
        _folder.GetFiles().Length.ShouldBe(1);
    }

    private static string? ContentOf(string path) => File.Exists(path) ? File.ReadAllText(path) : null;
}
