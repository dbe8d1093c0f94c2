namespace AsyncCheckpoints.Tests.Servers;

/// <summary>Finds infra/servers.sh from the folder of the test assembly upwards.</summary>
internal static class Infrastructure
{
    public static string Script { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var script = Path.Combine(folder.FullName, "infra", "servers.sh");
            if (File.Exists(script))
            {
                return script;
            }
        }

        throw new FileNotFoundException($"No folder above {AppContext.BaseDirectory} holds infra/servers.sh.");
    }
}
