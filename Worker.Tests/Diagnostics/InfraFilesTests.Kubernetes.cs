using System.Text.Json;
using System.Text.RegularExpressions;
using AsyncCheckpoints.Tests.Pipeline;
using AsyncCheckpoints.Tests.Servers;
using AsyncCheckpoints.Worker;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Shouldly;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace AsyncCheckpoints.Tests.Diagnostics;

public sealed partial class InfraFilesTests
{
    private const string ManifestPath = "infra/kubernetes/worker.yaml";
    private const string AdapterPath = "infra/kubernetes/prometheus-adapter.yaml";

    private static KubernetesSchema Schema => new(Read("Worker.Tests/Diagnostics/kubernetes-schema.json"));

    [Fact]
    public void Kubernetes_Manifest_IsWhatTheApiTakes() =>
        Documents(ManifestPath).SelectMany(document => Schema.Problems(document.RootNode)).ShouldBeEmpty();

    [Theory]
    [InlineData("readinessProbe:", "readinessprobe:", "Deployment.spec.template.spec.containers[0]: no member 'readinessprobe'")]
    [InlineData("prometheus.io/port: \"9464\"", "prometheus.io/port: 9464", "Deployment.spec.template.metadata.annotations.prometheus.io/port: not a string")]
    [InlineData("replicas: 2", "replicas: \"2\"", "Deployment.spec.replicas: not a number")]
    [InlineData("runAsNonRoot: true", "runAsNonRoot: yes", "Deployment.spec.template.spec.securityContext.runAsNonRoot: not a boolean")]
    [InlineData("cpu: 250m", "cpu: 250mb", "Deployment.spec.template.spec.containers[0].resources.requests.cpu: not a Quantity")]
    [InlineData("drop: [ALL]", "drop: ALL", "Deployment.spec.template.spec.containers[0].securityContext.capabilities.drop: not a list")]
    [InlineData("  maxReplicas: 8\n", "", "HorizontalPodAutoscaler.spec: 'maxReplicas' is missing")]
    [InlineData("policy/v1", "policy/v1beta1", "PodDisruptionBudget.apiVersion: not policy/v1")]
    public void Kubernetes_ManifestWithAMistake_IsRefused(string right, string wrong, string problem)
    {
        var first = Read(ManifestPath).IndexOf(right, StringComparison.Ordinal);
        first.ShouldBePositive();
        var spoilt = Read(ManifestPath).Remove(first, right.Length).Insert(first, wrong);
        Parse(spoilt).SelectMany(document => Schema.Problems(document.RootNode)).ShouldBe([problem]);
    }

    [Fact]
    public void Kubernetes_Containers_RunWithoutRights()
    {
        var pod = Pod();
        Manifest()["ServiceAccount"]["automountServiceAccountToken"].ToString().ShouldBe("false");
        pod["securityContext"]["runAsNonRoot"].ToString().ShouldBe("true");
        pod["securityContext"]["runAsUser"].ToString().ShouldNotBe("0");
        pod["securityContext"]["seccompProfile"]["type"].ToString().ShouldBe("RuntimeDefault");
        foreach (var container in Items(pod["containers"]))
        {
            var rights = (YamlMappingNode)container["securityContext"];
            rights["readOnlyRootFilesystem"].ToString().ShouldBe("true");
            rights["allowPrivilegeEscalation"].ToString().ShouldBe("false");
            Items(rights["capabilities"]["drop"]).ShouldBe([new YamlScalarNode("ALL")]);

            // And none that takes back what the pod has.
            rights.Children.Keys.Select(key => $"{key}").ShouldBe(["readOnlyRootFilesystem", "allowPrivilegeEscalation", "capabilities"], ignoreOrder: true);
            container["resources"]["limits"]["memory"].ToString().ShouldEndWith("Mi");
            container["image"].ToString().ShouldMatch(@":\d+\.\d+");
        }
    }

    [Fact]
    public void Kubernetes_Selectors_ChooseThePods()
    {
        var parts = Manifest();
        var labels = Pairs(parts["Deployment"]["spec"]["template"]["metadata"]["labels"]);
        YamlNode[] selectors =
        [
            parts["Deployment"]["spec"]["selector"]["matchLabels"],
            parts["Service"]["spec"]["selector"],
            parts["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
            .. Items(Pod()["topologySpreadConstraints"]).Select(constraint => constraint["labelSelector"]["matchLabels"]),
        ];
        foreach (var selector in selectors)
        {
            Pairs(selector).ShouldNotBeEmpty();
            Pairs(selector).Except(labels).ShouldBeEmpty();
        }
    }

    [Fact]
    public void Kubernetes_ScalerAndBudget_LeaveRoom()
    {
        var parts = Manifest();
        var (deployment, scaler) = (parts["Deployment"], parts["HorizontalPodAutoscaler"]["spec"]);
        scaler["scaleTargetRef"]["apiVersion"].ShouldBe(deployment["apiVersion"]);
        scaler["scaleTargetRef"]["kind"].ShouldBe(deployment["kind"]);
        scaler["scaleTargetRef"]["name"].ShouldBe(deployment["metadata"]["name"]);
        var least = Number(scaler["minReplicas"]);
        least.ShouldBe(Number(deployment["spec"]["replicas"]));
        Number(scaler["maxReplicas"]).ShouldBeGreaterThan(least);
        Number(parts["PodDisruptionBudget"]["spec"]["minAvailable"]).ShouldBeInRange(1, least - 1);
    }

    /// <summary>Every worker reports the same figure, and the scaler adds up what it gets: so it gets one.</summary>
    [Fact]
    public void Kubernetes_ScalersMetric_IsWhatTheAdapterServes()
    {
        var name = ScalerMetric();
        var rule = Items(Documents(AdapterPath).Single().RootNode["rules"]["external"]).ShouldHaveSingleItem();
        rule["seriesQuery"].ToString().ShouldBe(name + "{namespace!=\"\"}");
        rule["resources"]["overrides"]["namespace"]["resource"].ToString().ShouldBe("namespace");
        rule["metricsQuery"].ToString()
            .Replace("<<.Series>>", name, StringComparison.Ordinal)
            .Replace("<<.LabelMatchers>>", "namespace=\"default\"", StringComparison.Ordinal)
            .ShouldBe("max(" + name + "{namespace=\"default\"})");
    }

    /// <summary>All that comes to the pod goes through the container `edge`.</summary>
    [Fact]
    public async Task Kubernetes_PortsAndPaths_AreServed()
    {
        var (parts, pod) = (Manifest(), Pod());
        var ports = Items(pod["containers"]).SelectMany(container => Items(container, "ports")).ToDictionary(port => $"{port["name"]}", port => $"{port["containerPort"]}");
        var edge = parts["ConfigMap"]["data"]["nginx.conf"].ToString();
        Listen().Matches(edge).Select(match => match.Groups[1].Value).ShouldBe(ports.Values);
        Upstream().Matches(edge).Select(match => match.Groups[1].Value).Distinct().ShouldHaveSingleItem().ShouldBe("http://127.0.0.1:8470");
        Read("Worker/Program.cs").ShouldContain("UseUrls(\"http://127.0.0.1:8470\")");
        var served = Location().Matches(edge).Select(match => match.Groups[1].Value).ToList();

        var used = new List<(string Port, string Path)>();
        foreach (var container in Items(pod["containers"]).OfType<YamlMappingNode>())
        {
            used.AddRange(container.Children.Where(member => $"{member.Key}".EndsWith("Probe", StringComparison.Ordinal))
                .Select(member => member.Value["httpGet"]).Select(get => ($"{get["port"]}", $"{get["path"]}")));
        }

        used.Count.ShouldBe(3);
        var annotations = parts["Deployment"]["spec"]["template"]["metadata"]["annotations"];
        used.Add(($"{annotations["prometheus.io/port"]}", $"{annotations["prometheus.io/path"]}"));

        // By number: a probe's port by name would have to be one of its own container.
        used.Select(one => one.Port).ShouldBeSubsetOf(ports.Values);
        used.Select(one => one.Path).Distinct().ShouldBe(served, ignoreOrder: true);
        Items(parts["Service"]["spec"]["ports"]).Select(port => $"{port["targetPort"]}").ShouldAllBe(port => ports.ContainsKey(port) || ports.ContainsValue(port));

        await using var deployment = new Deployment(ArchiveKind.Sqlite, isEmbedded: true);
        var worker = await deployment.StartWorkerAsync();
        worker.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(endpoint => endpoint.RoutePattern.RawText)
            .Intersect(served).ShouldBe(served, ignoreOrder: true);
        var shutdown = worker.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout;
        TimeSpan.FromSeconds(Number(pod["terminationGracePeriodSeconds"])).ShouldBeGreaterThan(shutdown + TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Kubernetes_Volumes_AreThereAndWritableWhereWritten()
    {
        var (parts, pod) = (Manifest(), Pod());
        var volumes = Items(pod["volumes"]).ToDictionary(volume => $"{volume["name"]}", volume => (YamlMappingNode)volume);
        var mounts = Items(pod["containers"]).ToDictionary(
            container => $"{container["name"]}", container => Items(container["volumeMounts"]).ToDictionary(mount => $"{mount["mountPath"]}", mount => $"{mount["name"]}"));
        mounts.Values.SelectMany(paths => paths.Values).Distinct().ShouldBe(volumes.Keys, ignoreOrder: true);
        volumes["edge"]["configMap"]["name"].ShouldBe(parts["ConfigMap"]["metadata"]["name"]);
        pod["serviceAccountName"].ShouldBe(parts["ServiceAccount"]["metadata"]["name"]);

        var config = (YamlMappingNode)parts["ConfigMap"]["data"];
        var edge = Items(pod["containers"]).Single(container => $"{container["name"]}" == "edge");
        var command = Items(edge["command"]).Select(part => $"{part}").ToList();
        var file = command[command.IndexOf("-c") + 1];
        mounts["edge"][Path.GetDirectoryName(file)!].ShouldBe("edge");
        config.Children.ContainsKey(Path.GetFileName(file)).ShouldBeTrue();
        var written = Written().Matches($"{config[Path.GetFileName(file)]}").Select(match => match.Groups[1].Value).Where(path => !path.StartsWith("/dev/", StringComparison.Ordinal)).ToList();
        written.Count.ShouldBe(6);
        written.ShouldAllBe(path => volumes[mounts["edge"][Path.GetDirectoryName(path)!]].Children.ContainsKey("emptyDir"));
    }

    [Fact]
    public void Kubernetes_SettingsAndProgram_AreThoseOfTheWorker()
    {
        var worker = Items(Pod()["containers"]).Single(container => $"{container["name"]}" == "worker");
        var secret = Items(worker["envFrom"]).ShouldHaveSingleItem()["secretRef"]["name"].ToString();
        Read("docs/OPERATIONS.md").ShouldContain($"kubectl create secret generic {secret} --from-literal=ConnectionStrings__Redis=");
        Items(worker, "env").Select(variable => $"{variable["name"]}").ShouldAllBe(name => name == "DOTNET_EnableDiagnostics" || name.StartsWith("Logging__", StringComparison.Ordinal) || IsSetting(name.Replace("__", ":", StringComparison.Ordinal)));
        foreach (var path in new[] { ManifestPath, "infra/systemd/asynccheckpoints-worker.service" })
        {
            Read(path).ShouldContain($"{typeof(WorkerOptions).Assembly.GetName().Name}.dll");
        }
    }

    /// <summary>Of the whole output, from the start to the end: what is between the lines would be lost, or break the collector.</summary>
    [Fact]
    public async Task Kubernetes_Output_IsLinesOfJson()
    {
        var worker = Items(Pod()["containers"]).Single(container => $"{container["name"]}" == "worker");
        var lines = await OutputAsync(Items(worker, "env").Select(variable => ($"{variable["name"]}", $"{variable["value"]}")));
        foreach (var line in lines.Select(text => JsonElement.Parse(text)))
        {
            line.GetProperty("Timestamp").GetDateTimeOffset().ShouldBe(TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(5));
            line.GetProperty("Message").GetString().ShouldNotBeNullOrEmpty();
            line.GetProperty("Category").GetString().ShouldNotBeNullOrEmpty();
            line.GetProperty("LogLevel").GetString().ShouldNotBeNullOrEmpty();
            line.TryGetProperty("Scopes", out _).ShouldBeFalse();
        }

        lines.Select(text => JsonElement.Parse(text).GetProperty("EventId").GetInt32()).ShouldContain(2003);
    }

    [Fact]
    public async Task Unit_Output_IsLinesWithTheLevelOfTheJournal()
    {
        var settings = Regex.Matches(Read("infra/systemd/asynccheckpoints-worker.service"), "^Environment=([^=]+)=(.*)$", RegexOptions.Multiline);
        var lines = await OutputAsync(settings.Select(match => (match.Groups[1].Value, match.Groups[2].Value)));
        lines.ShouldAllBe(line => Regex.IsMatch(line, "^<[0-7]>"));
        lines.ShouldContain(line => line.Contains("[2003]", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"\blisten (\d+);")]
    private static partial Regex Listen();

    [GeneratedRegex(@"\bproxy_pass ([^;]+);")]
    private static partial Regex Upstream();

    [GeneratedRegex(@"\blocation = (\S+) ")]
    private static partial Regex Location();

    [GeneratedRegex(@"\b(?:pid|error_log|\w+_path) (/[^; ]+)")]
    private static partial Regex Written();

    private static Dictionary<string, YamlNode> Manifest() =>
        Documents(ManifestPath).ToDictionary(document => document.RootNode["kind"].ToString(), document => document.RootNode);

    /// <summary>All that a worker prints with these settings, far from UTC.</summary>
    private static async Task<IReadOnlyList<string>> OutputAsync(IEnumerable<(string Name, string Value)> settings)
    {
        await using var worker = await WorkerProcess.StartAsync(new Dictionary<string, string?>(settings.Append(("TZ", "Asia/Tokyo")).Select(one => KeyValuePair.Create(one.Item1, (string?)one.Item2))));
        foreach (var part in new[] { "Now listening on", "migrations were applied" })
        {
            await worker.WaitForLineAsync(line => line.Contains(part, StringComparison.Ordinal), Deployment.Patience);
        }

        await worker.EndAsync(Deployment.Patience);
        return worker.Lines;
    }

    private static string ScalerMetric()
    {
        var metric = Items(Manifest()["HorizontalPodAutoscaler"]["spec"]["metrics"]).ShouldHaveSingleItem();
        metric["type"].ToString().ShouldBe("External");
        return metric["external"]["metric"]["name"].ToString();
    }

    private static YamlNode Pod() => Manifest()["Deployment"]["spec"]["template"]["spec"];

    private static IEnumerable<YamlNode> Items(YamlNode node) => (YamlSequenceNode)node;

    private static IEnumerable<YamlNode> Items(YamlNode node, string member) => ((YamlMappingNode)node).Children.TryGetValue(member, out var items) ? Items(items) : [];

    private static IEnumerable<(string Key, string Value)> Pairs(YamlNode node) => ((YamlMappingNode)node).Children.Select(pair => ($"{pair.Key}", $"{pair.Value}"));

    private static int Number(YamlNode node) => int.Parse($"{node}", System.Globalization.CultureInfo.InvariantCulture);
}
