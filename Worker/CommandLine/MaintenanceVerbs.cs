using System.CommandLine;
using AsyncCheckpoints.Worker.Doctor;
using AsyncCheckpoints.Worker.Hosting;
using AsyncCheckpoints.Worker.Storage;
using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>Verbs that need no running worker: they use the same settings and connection strings as 'serve'.</summary>
internal static class MaintenanceVerbs
{
    public static Command Migrate()
    {
        var json = SharedOptions.Json();
        var command = new Command("migrate", "Bring the archive's schema up to date, and end. Settings follow as with serve.") { TreatUnmatchedTokensAsErrors = false };
        command.Add(json);
        command.SetAction(async (result, cancellationToken) =>
        {
            await using var services = ServicesOf(ConfigurationOf(result));
            var archive = services.GetRequiredService<ICheckpointArchive>();
            try
            {
                var applied = await archive.MigrateAsync(cancellationToken);
                if (result.GetValue(json))
                {
                    Terminal.WriteJson(new { archive = archive.Name, applied });
                }
                else
                {
                    Terminal.WriteColumns(archive.Name, $"{applied} migrations were applied");
                }

                return ExitCodes.Done;
            }
            catch (Exception e) when (TransientErrors.IsTransient(e) && !cancellationToken.IsCancellationRequested)
            {
                throw new CommandException(ExitCodes.Unreachable, $"The archive ({archive.Name}) cannot be reached: {e.Message}");
            }
        });
        return command;
    }

    public static Command Doctor()
    {
        var json = SharedOptions.Json();
        var command = new Command("doctor", "Check every server that the settings name, and say what to change. Exit code 4 when something has to be.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.Add(json);
        command.SetAction(async (result, cancellationToken) =>
        {
            var configuration = ConfigurationOf(result);
            var diagnosis = new List<Finding>();
            try
            {
                await using var services = ServicesOf(configuration);
                diagnosis.AddRange(await Examination.RunAsync(services, cancellationToken));
            }
            catch (OptionsValidationException e)
            {
                diagnosis.AddRange(e.Failures.Select(failure => new Finding(Severity.Error, "settings", "valid", failure, "Change the setting.")));
            }

            foreach (var finding in diagnosis)
            {
                if (result.GetValue(json))
                {
                    Terminal.WriteJson(new
                    {
                        severity = finding.Severity.ToString().ToLowerInvariant(),
                        finding.Part,
                        finding.Check,
                        finding.Message,
                        finding.Advice,
                    });
                }
                else
                {
                    Terminal.WriteColumns(finding.Severity.ToString().ToLowerInvariant(), finding.Part, finding.Check, finding.Message, finding.Advice ?? "-");
                }
            }

            return diagnosis.Any(finding => finding.Severity >= Severity.Warning) ? ExitCodes.Findings : ExitCodes.Done;
        });
        return command;
    }

    private static ConfigurationManager ConfigurationOf(ParseResult result) =>
        WorkerSettings.CreateBuilder(SettingArguments.Require([.. result.UnmatchedTokens])).Configuration;

    private static ServiceProvider ServicesOf(IConfiguration configuration)
    {
        var services = new ServiceCollection().AddLogging().AddSingleton(configuration).AddCheckpointWorker(configuration);
        return services.BuildServiceProvider();
    }
}
