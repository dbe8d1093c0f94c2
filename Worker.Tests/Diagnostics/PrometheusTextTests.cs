using System.Diagnostics.Metrics;
using AsyncCheckpoints.Worker.Diagnostics;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Diagnostics;

public sealed class PrometheusTextTests : IDisposable
{
    private readonly Meter _meter = new("Test");

    public void Dispose() => _meter.Dispose();

    [Theory]
    [InlineData("a.b", "s", "a_b_seconds")]
    [InlineData("a.bytes", "By", "a_bytes")]
    [InlineData("a.total", "{thing}", "a")]
    [InlineData("a-b..c", "1", "a_b_c")]
    [InlineData("1st", null, "_1st")]
    public void Of_Instrument_NamesItAsOpenTelemetrySays(string name, string? unit, string expected) =>
        PrometheusName.Of(name, unit).ShouldBe(expected);

    [Fact]
    public async Task Write_HostileTagsAndValues_PromtoolReadsThem()
    {
        var sut = CreateSut(_meter.CreateGauge<double>("nasty", null, "A \\ \"help\"\nin two lines"), MetricKind.Gauge);
        sut.Record(double.NaN, [new("a", "quote \" backslash \\ line \n tab \t"), new("a", "again")], 0);
        sut.Record(double.PositiveInfinity, [new("no good.name", 1), new("flag", true)], 0);
        sut.Record(-1e-300, [new("9", new string('x', 1000)), new("empty", "")], 0);
        var text = PrometheusText.Write([sut], 0, isOpenMetrics: false);
        var (exitCode, remarks) = await Promtool.RunAsync(text, "check", "metrics");
        exitCode.ShouldBe(0, remarks + text);
        text.ShouldContain("nasty{flag=\"true\",no_good_name=\"1\"} +Inf\n");
        text.ShouldContain("nasty{a=\"again\"} NaN\n");
    }

    [Fact]
    public void Write_Histogram_CountsUpToEachBound()
    {
        var advice = new InstrumentAdvice<long> { HistogramBucketBoundaries = [1, 10] };
        var sut = CreateSut(_meter.CreateHistogram<long>("size", "By", "Sizes.", null, advice), MetricKind.Histogram);
        foreach (var value in (long[])[1, 2, 10, 11])
        {
            sut.Record(value, [], 0);
        }

        PrometheusText.Write([sut], 0, isOpenMetrics: true).ShouldBe(
            """
            # TYPE size_bytes histogram
            # UNIT size_bytes bytes
            # HELP size_bytes Sizes.
            size_bytes_bucket{le="1.0"} 1
            size_bytes_bucket{le="10.0"} 3
            size_bytes_bucket{le="+Inf"} 4
            size_bytes_sum 24
            size_bytes_count 4
            # EOF

            """);
    }

    [Fact]
    public void Record_TagIsAnId_BoundsTheSeriesAndLosesNothing()
    {
        var overflows = 0;
        var sut = new MetricFamily(_meter.CreateCounter<long>("ids"), MetricKind.Counter, _ => overflows++);
        for (var i = 0; i < 10_000; i++)
        {
            sut.Record(1, [new("id", i)], 0);
        }

        var series = sut.Series(0);
        series.Count.ShouldBe(MetricFamily.MaxSeries + 1);
        series.Sum(one => one.Read().Value).ShouldBe(10_000);
        overflows.ShouldBe(1);
    }

    [Fact]
    public void Record_SameTagsInAnotherOrder_AreOneSeries()
    {
        var sut = CreateSut(_meter.CreateCounter<long>("order"), MetricKind.Counter);
        sut.Record(1, [new("a", 1), new("b", 2)], 0);
        sut.Record(1, [new("b", 2), new("a", 1)], 0);
        sut.Series(0).ShouldHaveSingleItem().Read().Value.ShouldBe(2);
    }

    [Fact]
    public void Record_KnownSeries_AllocatesNothing()
    {
        var sut = CreateSut(_meter.CreateHistogram<double>("hot", "s"), MetricKind.Histogram);
        KeyValuePair<string, object?>[] tags = [new("a", "b")];
        sut.Record(1, tags, 0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            sut.Record(i, tags, 0);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    private static MetricFamily CreateSut(Instrument instrument, MetricKind kind) => new(instrument, kind, _ => { });
}
