using Microsoft.Extensions.Options;

namespace AsyncCheckpoints.Worker.Diagnostics;

/// <summary>Reports every setting that is out of bounds at once, each with its path, value and bound.</summary>
internal sealed class OtlpOptionsValidator : IValidateOptions<OtlpOptions>
{
    public const string Http = "http/protobuf";
    public const string Grpc = "grpc";

    public ValidateOptionsResult Validate(string? name, OtlpOptions options)
    {
        var failures = OptionRanges.Check("Otlp", options).ToList();
        if (!string.IsNullOrEmpty(options.Endpoint) && !(Uri.TryCreate(options.Endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
        {
            failures.Add("Otlp:Endpoint is not an address such as http://127.0.0.1:4318.");
        }

        if (options.Protocol is not (Http or Grpc))
        {
            failures.Add($"Otlp:Protocol is '{options.Protocol}'; {Http} or {Grpc} is allowed.");
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
