using System.CommandLine;
using AsyncCheckpoints.Worker.Http.Access;

namespace AsyncCheckpoints.Worker.CommandLine;

/// <summary>Makes keys of the HTTP API. Nothing is stored: the hash goes into the worker's settings by hand.</summary>
internal static class ApiKeyVerbs
{
    public static Command ApiKey() => new("api-key", "Keys of the HTTP API.") { Create() };

    private static Command Create()
    {
        var name = new Option<string>("--name") { Description = "Who uses it, for the audit trail.", Required = true };
        name.Validators.Add(result =>
        {
            if (!ApiOptionsValidator.IsName(result.GetValueOrDefault<string>() ?? ""))
            {
                result.AddError($"--name takes 1 to {ApiOptionsValidator.MaxNameLength} letters, digits, '-', '_' or '.'.");
            }
        });
        var role = new Option<string>("--role") { Description = "What it may do; each role includes those before it.", Required = true };
        role.AcceptOnlyFromAmong([.. Enum.GetValues<ApiRole>().Select(ApiAccess.ToText)]);
        var json = SharedOptions.Json();
        var command = new Command("create", "Make a random key and the settings that let it in. The key is shown only now.") { name, role, json };
        command.SetAction(result =>
        {
            var key = Http.Access.ApiKey.Create();
            var (sha256, setting) = (Convert.ToHexStringLower(Http.Access.ApiKey.Hash(key)), $"Worker:Http:ApiKeys:{result.GetValue(name)}");
            if (result.GetValue(json))
            {
                Terminal.WriteJson(new { name = result.GetValue(name), role = result.GetValue(role), key, sha256, setting });
                return ExitCodes.Done;
            }

            Terminal.WriteColumns("key", key);
            Terminal.WriteColumns($"{setting}:Role", result.GetValue(role));
            Terminal.WriteColumns($"{setting}:Sha256", sha256);
            Console.Error.WriteLine(
                "Give the key to its user, who sends it as 'Authorization: Bearer KEY'; it is not shown again. Give the two settings to the worker, "
                + "as environment variables with '__' in place of ':'.");
            return ExitCodes.Done;
        });
        return command;
    }
}
