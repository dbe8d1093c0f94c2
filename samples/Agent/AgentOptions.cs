using System.Globalization;

namespace AsyncCheckpoints.Samples.Agent;

/// <summary>The command line.</summary>
internal sealed record AgentOptions
{
    public const string Usage = """
        Works through a text paragraph by paragraph, saves a checkpoint after each, and resumes at the latest.

          --worker URL       save over the HTTP API of a worker; otherwise with the SDK, which reads
                             ConnectionStrings__Redis and ConnectionStrings__RabbitMq from the environment
          --plain            save nothing, only print the answer
          --execution ID     default: alice
          --text PATH        default: the text beside the program
          --step-delay MS    how long a step pretends to think; default: 0
          --expect ANSWER    compare the answer, and exit with 1 when it differs
        """;

    public Uri? Worker { get; private init; }

    public bool IsPlain { get; private init; }

    public string ExecutionId { get; private init; } = "alice";

    public string TextPath { get; private init; } = Path.Combine(AppContext.BaseDirectory, "text.txt");

    public TimeSpan StepDelay { get; private init; }

    public string? Expected { get; private init; }

    public static AgentOptions Parse(IReadOnlyList<string> args)
    {
        var options = new AgentOptions();
        for (var i = 0; i < args.Count; i++)
        {
            options = args[i] switch
            {
                "--plain" => options with { IsPlain = true },
                "--worker" => options with { Worker = new Uri(Value()) },
                "--execution" => options with { ExecutionId = Value() },
                "--text" => options with { TextPath = Value() },
                "--step-delay" => options with { StepDelay = TimeSpan.FromMilliseconds(int.Parse(Value(), NumberStyles.None, CultureInfo.InvariantCulture)) },
                "--expect" => options with { Expected = Value() },
                var other => throw new FormatException($"'{other}' is not an option."),
            };

            string Value() => ++i < args.Count ? args[i] : throw new FormatException($"'{args[i - 1]}' needs a value.");
        }

        return options;
    }
}
