using System.Text.Json;
using System.Text.RegularExpressions;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Worker;
using AsyncCheckpoints.Worker.Diagnostics;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Http.Access;
using AsyncCheckpoints.Worker.Jobs;
using AsyncCheckpoints.Worker.Retention;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace AsyncCheckpoints.Tests.Diagnostics;

public sealed partial class InfraFilesTests
{
    internal static readonly string Root = FindRoot();

    [Fact]
    public async Task Rules_Promtool_AreValid()
    {
        var (exitCode, output) = await Promtool.RunAsync(null, "check", "rules", PathOf("infra/prometheus-alerts.yml"));
        exitCode.ShouldBe(0, output);
    }

    /// <summary>The same figures as a server would have them, and what it makes of them.</summary>
    [Fact]
    public async Task Rules_Promtool_FireOnWhatTheyAreFor()
    {
        var (exitCode, output) = await Promtool.RunAsync(null, "test", "rules", PathOf("infra/prometheus-alerts.test.yml"));
        exitCode.ShouldBe(0, output);
        var cases = Documents("infra/prometheus-alerts.test.yml").Single().AllNodes.OfType<YamlMappingNode>().Where(node => node.Children.ContainsKey("alertname")).ToList();
        Names(cases.Where(one => one.Children.ContainsKey("exp_alerts"))).ShouldBe(Alerts().Select(rule => rule["alert"].ToString()), ignoreOrder: true);
        Names(cases.Where(one => !one.Children.ContainsKey("exp_alerts"))).ShouldBe(Alerts().Select(rule => rule["alert"].ToString()), ignoreOrder: true);

        static IEnumerable<string> Names(IEnumerable<YamlMappingNode> cases) => cases.Select(one => one["alertname"].ToString()).Distinct();
    }

    [Fact]
    public async Task AlertsDashboardAndScaler_EveryMetric_IsOneThatTheWorkerExports()
    {
        var named = Metrics().Matches(Read("infra/prometheus-alerts.yml"))
            .Concat(Expressions(JsonDocument.Parse(Read("infra/grafana-dashboard.json")).RootElement).SelectMany(expression => Metrics().Matches(expression)))
            .Concat(Metrics().Matches(Read(AdapterPath)))
            .Select(match => match.Value).Append(ScalerMetric()).ToHashSet();
        named.Count.ShouldBeGreaterThan(15);

        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        var worker = await deployment.StartWorkerAsync();
        var client = worker.Services.GetRequiredService<ICheckpointClient>();
        await client.SaveAsync(new Checkpoint { ExecutionId = "run" }, new SaveOptions { Durability = Durability.Persisted });
        await worker.Services.GetRequiredService<BacklogSampler>().RunOnceAsync(CancellationToken.None);
        var exported = worker.Services.GetRequiredService<MetricCollector>().Collect(isOpenMetrics: false)
            .Split('\n').Where(line => !line.StartsWith('#')).Select(line => line.Split('{', ' ')[0]).ToHashSet();
        named.Except(exported).ShouldBeEmpty();
    }

    /// <summary>The first list in the dashboard: a job that is missing there cannot be chosen.</summary>
    [Fact]
    public async Task Dashboard_Jobs_AreWorkersAndApplications()
    {
        var query = JsonDocument.Parse(Read("infra/grafana-dashboard.json")).RootElement.GetProperty("templating").GetProperty("list").EnumerateArray()
            .Single(variable => variable.GetProperty("name").GetString() == "job").GetProperty("query").GetProperty("query").GetString()!;
        await using var deployment = new Deployment(ArchiveKind.Sqlite);
        foreach (var host in new[] { await deployment.StartWorkerAsync(), await deployment.StartClientAsync() })
        {
            using var recorder = new MeterRecorder(host);
            recorder.Observe();
            recorder.Measurements.Select(measured => $"label_values({measured.Name.Replace('.', '_')}, job)").ShouldContain(query);
        }
    }

    [Fact]
    public void Alerts_Each_HasItsSectionInTheRunbook()
    {
        var runbook = Read("docs/OPERATIONS.md");
        var rules = Alerts();
        rules.Count.ShouldBe(12);
        foreach (var rule in rules)
        {
            var name = rule["alert"].ToString();
            runbook.ShouldContain($"\n### {name}\n");
            rule["annotations"]["runbook"].ToString().ShouldBe($"docs/OPERATIONS.md#{name.ToLowerInvariant()}");
            runbook.ShouldNotContain($"### {name}\n\n###");
        }
    }

    [Fact]
    public async Task Metrics_Each_IsInTheRunbook()
    {
        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        using var recorder = new MeterRecorder(await deployment.StartWorkerAsync());
        var runbook = Read("docs/OPERATIONS.md");
        foreach (var name in recorder.Instruments.Keys)
        {
            runbook.ShouldContain(name["asynccheckpoints".Length..] + "`");
        }
    }

    [Fact]
    public void Collector_Pipelines_NameWhatIsConfigured()
    {
        var root = Documents("infra/otel-collector.yaml").Single().RootNode;
        foreach (var pipeline in ((YamlMappingNode)root["service"]["pipelines"]).Children.Values)
        {
            foreach (var (section, names) in ((YamlMappingNode)pipeline).Children)
            {
                ((YamlSequenceNode)names).ShouldAllBe(name => ((YamlMappingNode)root[section]).Children.ContainsKey(name));
            }
        }

        // The worker sends all by OTLP.
        foreach (var signal in new[] { "traces", "metrics", "logs" })
        {
            ((YamlSequenceNode)root["service"]["pipelines"][signal]["receivers"]).ShouldContain(new YamlScalarNode("otlp"));
        }
    }

    [Fact]
    public void Settings_NamedInFilesAndDocuments_AreThoseOfTheWorker()
    {
        var named = Directory.EnumerateFiles(PathOf("infra"), "*", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(PathOf("docs"), "*.md", SearchOption.AllDirectories))
            .Append(PathOf("README.md"))
            .SelectMany(path => Settings().Matches(File.ReadAllText(path)))
            .Select(match => match.Value.Replace("__", ":", StringComparison.Ordinal)).ToHashSet();
        named.Count.ShouldBeGreaterThan(30);
        named.Where(name => !IsSetting(name)).ShouldBeEmpty();
        IsSetting("Worker:Http:ApiKeys:ci:Rule").ShouldBeFalse();
    }

    [GeneratedRegex(@"\b(?:Worker|Jobs|Retention|Otlp|Checkpoints|ConnectionStrings)(?:(?::|__)[A-Za-z][A-Za-z0-9]*)+")]
    private static partial Regex Settings();

    [GeneratedRegex(@"\b(?:asynccheckpoints|dotnet)_[a-z_]+\b")]
    private static partial Regex Metrics();

    /// <summary>Whether it is a path through the options, as configuration binds them.</summary>
    private static bool IsSetting(string name)
    {
        var parts = name.Split(':');
        var type = parts[0] switch
        {
            "Worker" when parts is [_, "Http", ..] => typeof(ApiOptions),
            "Worker" => typeof(WorkerOptions),
            "Checkpoints" => typeof(CheckpointOptions),
            "Jobs" => typeof(JobOptions),
            "Retention" => typeof(RetentionOptions),
            "Otlp" => typeof(OtlpOptions),
            "ConnectionStrings" => typeof(WorkerParts),
            _ => null,
        };
        return parts[(type == typeof(ApiOptions) ? 2 : 1)..].Aggregate(type, Inside) is not null;

        static Type? Inside(Type? type, string part) =>
            type is { IsGenericType: true } && type.GetGenericTypeDefinition() == typeof(Dictionary<,>) ? type.GetGenericArguments()[1] : type?.GetProperty(part)?.PropertyType;
    }

    private static List<YamlMappingNode> Alerts() =>
        [.. Documents("infra/prometheus-alerts.yml").Single().AllNodes.OfType<YamlMappingNode>().Where(node => node.Children.ContainsKey("alert"))];

    private static IEnumerable<string> Expressions(JsonElement dashboard) => dashboard.GetProperty("panels").EnumerateArray()
        .Where(panel => panel.TryGetProperty("targets", out _))
        .SelectMany(panel => panel.GetProperty("targets").EnumerateArray())
        .Select(target => target.GetProperty("expr").GetString()!);

    private static IEnumerable<YamlDocument> Documents(string path) => Parse(Read(path));

    private static IEnumerable<YamlDocument> Parse(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return stream.Documents;
    }

    private static string Read(string path) => File.ReadAllText(PathOf(path));

    private static string PathOf(string path) => Path.Combine(Root, path);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "AsyncCheckpoints.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The repository's root is not above the tests.");
        }

        return folder.FullName;
    }
}
