using AsyncCheckpoints.Worker.CommandLine;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.CommandLine;

public sealed class TransferProgressTests
{
    [Fact]
    public void Add_InAPipe_WritesALineNowAndThen()
    {
        var time = new ManualTime();
        using var lines = new StringWriter();
        var export = new TransferProgress("export", lines, null, time);
        for (var i = 0; i < 240; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            export.Add();
        }

        var import = new TransferProgress("import", lines, null, time);
        time.Advance(TimeSpan.FromSeconds(5));
        import.Add(0.256);
        import.Add(0.3);
        lines.ToString().ShouldBe("export 100 (20/s)\nexport 200 (20/s)\nimport 1 (0/s) 26%\n");
        (export.Count, import.Count).ShouldBe((240, 2));
    }
}
