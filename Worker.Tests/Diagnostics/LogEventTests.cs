using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using AsyncCheckpoints.Worker;
using Microsoft.Extensions.Logging;
using Shouldly;
using Xunit;

namespace AsyncCheckpoints.Tests.Diagnostics;

/// <summary>People look for an event by its number: each has one of its own, in the block that the runbook gives its namespace.</summary>
public sealed partial class LogEventTests
{
    private static readonly Assembly[] Assemblies =
        [typeof(Checkpoint).Assembly, typeof(CheckpointOptions).Assembly, typeof(CheckpointSpoolOptions).Assembly, typeof(WorkerOptions).Assembly];

    private static List<Written> Events { get; } =
    [
        .. from assembly in Assemblies.Distinct()
           from type in assembly.GetTypes()
           from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
           where method.IsDefined(typeof(LoggerMessageAttribute))
           select Write(method),
    ];

    [Fact]
    public void Events_OfAllAssemblies_HaveNumbersOfTheirOwnAndNames()
    {
        Events.Select(written => written.Method.Module).Distinct().Count().ShouldBe(3);
        Events.GroupBy(written => written.Event.Id).Where(same => same.Count() > 1).SelectMany(same => same).Select(written => $"{written}").ShouldBeEmpty();
        Events.Where(written => written.Event.Name != written.Method.Name).Select(written => $"{written}").ShouldBeEmpty();
    }

    [Fact]
    public void Events_Each_IsInTheBlockOfItsNamespace()
    {
        var blocks = Blocks();
        Events.Where(written => !blocks.Exists(block => block.Covers(written))).Select(written => $"{written}").ShouldBeEmpty();
        blocks.Where(block => !Events.Exists(block.Covers)).ShouldBeEmpty();
        blocks.SelectMany(block => Enumerable.Range(block.First, block.Last - block.First + 1)).ShouldBeUnique();
    }

    [Fact]
    public void Events_NamedInDocuments_AreThere()
    {
        var numbers = Directory.EnumerateFiles(Path.Combine(InfraFilesTests.Root, "docs"), "*.md")
            .SelectMany(path => Named().Matches(File.ReadAllText(path)))
            .SelectMany(match => match.Groups["number"].Captures)
            .Select(number => int.Parse(number.Value, CultureInfo.InvariantCulture)).ToHashSet();
        numbers.Count.ShouldBeGreaterThan(10);
        numbers.Except(Events.Select(written => written.Event.Id)).ShouldBeEmpty();
    }

    [GeneratedRegex(@"\blog events? (?<number>\d{4})(?:(?:, | and |, and )(?<number>\d{4}))*")]
    private static partial Regex Named();

    [GeneratedRegex(@"^\| (\d{4}) to (\d{4}) \| ((?:`[A-Za-z.]+`(?:, )?)+) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    private static List<Block> Blocks() =>
    [
        .. Row().Matches(File.ReadAllText(Path.Combine(InfraFilesTests.Root, "docs/OPERATIONS.md"))).Select(row => new Block(
            int.Parse(row.Groups[1].Value, CultureInfo.InvariantCulture),
            int.Parse(row.Groups[2].Value, CultureInfo.InvariantCulture),
            [.. row.Groups[3].Value.Split(", ").Select(name => name.Trim('`'))])),
    ];

    /// <summary>Calls the method, as the product would.</summary>
    private static Written Write(MethodInfo method)
    {
        var recorder = new Recorder();
        method.Invoke(null, [.. method.GetParameters().Select(parameter => Example(parameter.ParameterType, recorder))]);
        return new Written(method, recorder.Events.ShouldHaveSingleItem());
    }

    private static object? Example(Type type, Recorder recorder) =>
        type == typeof(ILogger) ? recorder
        : type == typeof(string) ? "text"
        : type == typeof(Exception) ? new InvalidOperationException()
        : RuntimeHelpers.GetUninitializedObject(type);

    private sealed record Written(MethodInfo Method, EventId Event)
    {
        public override string ToString() => $"{Event.Id} {Event.Name} of {Method.DeclaringType}";
    }

    private sealed record Block(int First, int Last, IReadOnlyList<string> Namespaces)
    {
        public bool Covers(Written written) =>
            written.Event.Id >= First && written.Event.Id <= Last && Namespaces.Contains(written.Method.DeclaringType!.Namespace);
    }

    private sealed class Recorder : ILogger
    {
        public List<EventId> Events { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Events.Add(eventId);
    }
}
