namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>
/// Settings behind a verb: "--Worker:DataPath=data", "--Worker:DataPath data", "--urls=…". The host reads past what it does
/// not understand; a worker or a migration that was not asked for would be the answer to an option that was never there.
/// </summary>
internal static class SettingArguments
{
    // Those of .NET's hosts that have no section.
    private static readonly HashSet<string> HostKeys = new(StringComparer.OrdinalIgnoreCase)
    {
        "urls", "http_ports", "https_ports", "environment", "contentRoot", "applicationName", "webroot", "allowedHosts", "detailedErrors",
        "captureStartupErrors", "suppressStatusMessages", "preferHostingUrls", "preventHostingStartup", "hostingStartupAssemblies",
        "hostingStartupExcludeAssemblies", "shutdownTimeoutSeconds", "forwardedHeaders_enabled",
        "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL",
    };

    /// <summary>Requires that arguments are settings with values.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <returns>The same.</returns>
    /// <exception cref="CommandException">One is not.</exception>
    public static string[] Require(string[] arguments)
    {
        for (var i = 0; i < arguments.Length; i++)
        {
            var argument = arguments[i];
            var prefix = argument.StartsWith("--", StringComparison.Ordinal) ? 2 : argument.StartsWith('/') ? 1 : 0;
            var end = argument.IndexOf('=', StringComparison.Ordinal);
            var key = end < 0 ? argument[prefix..] : end > prefix ? argument[prefix..end] : "";
            if (key.StartsWith('-') || (prefix == 0 && end < 0) || !(HostKeys.Contains(key) || IsPath(key)))
            {
                throw new CommandException(ExitCodes.Usage, $"'{argument}' is neither an option nor a setting such as --urls=http://127.0.0.1:8470 or --Worker:DataPath=data. Try --help.");
            }

            if (end < 0 && ++i == arguments.Length)
            {
                throw new CommandException(ExitCodes.Usage, $"'{argument}' has no value. Try --help.");
            }
        }

        return arguments;
    }

    private static bool IsPath(string key) => key.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon && colon < key.Length - 1;
}
