using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>What a command writes: JSON lines, or plain ones of columns. What is not the result goes to the standard error.</summary>
internal static class Terminal
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a person watches.</summary>
    public static bool IsInteractive => !Console.IsOutputRedirected && !Console.IsErrorRedirected;

    /// <summary>Shows a bar on the standard error while something is done; full at its end.</summary>
    /// <typeparam name="T">The result.</typeparam>
    /// <param name="name">What is done.</param>
    /// <param name="columns">What stands behind name, bar and percentage.</param>
    /// <param name="work">Does it, and moves the bar, which has no end at first.</param>
    public static Task<T> WithBarAsync<T>(string name, ProgressColumn[] columns, Func<ProgressTask, Task<T>> work) =>
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) }).Progress()
            .Columns([new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), .. columns])
            .StartAsync(async context =>
            {
                var bar = context.AddTask(name, maxValue: 1);
                bar.IsIndeterminate = true;
                var result = await work(bar);
                bar.IsIndeterminate = false;
                bar.Value = bar.MaxValue;
                return result;
            });

    /// <summary>A line of JSON.</summary>
    public static void WriteJson<T>(T value) => Console.Out.WriteLine(JsonSerializer.Serialize(value, Json));

    /// <summary>A line of columns with a tab between. Control characters in a value are shown, not obeyed.</summary>
    public static void WriteColumns(params ReadOnlySpan<object?> columns)
    {
        var texts = new string[columns.Length];
        for (var i = 0; i < columns.Length; i++)
        {
            texts[i] = Clean(Convert.ToString(columns[i], System.Globalization.CultureInfo.InvariantCulture) ?? "");
        }

        Console.Out.WriteLine(string.Join('\t', texts));
    }

    /// <summary>An item of a listing: a line of JSON, or of some of its members.</summary>
    public static void Write(JsonElement item, bool isJson, params ReadOnlySpan<string> columns)
    {
        if (isJson)
        {
            WriteJson(item);
            return;
        }

        var texts = new object?[columns.Length];
        for (var i = 0; i < columns.Length; i++)
        {
            texts[i] = Text(item, columns[i]);
        }

        WriteColumns(texts);
    }

    /// <summary>A text that cannot steer the terminal.</summary>
    public static string Clean(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '\uFFFD' : c)) : text;

    /// <summary>What an exception says, and what those that caused it say: the binder of settings names them only there.</summary>
    public static string MessageOf(Exception exception) =>
        exception.InnerException is { } inner && MessageOf(inner) is var cause && !exception.Message.Contains(cause, StringComparison.Ordinal)
            ? $"{exception.Message} {cause}"
            : exception.Message;

    /// <summary>The value of a member as a column.</summary>
    public static string Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText()
            : "-";
}
