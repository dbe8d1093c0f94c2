namespace AsyncCheckpoints.Worker.Jobs.Backfill;

/// <summary>langgraphgo's folder of files: one <c>{id}.json</c> for each checkpoint.</summary>
internal sealed class LangGraphGoFiles : IndexedForeignStore
{
    private readonly string _folder;

    private LangGraphGoFiles(string folder) => _folder = folder;

    /// <summary>Reads the folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async Task<LangGraphGoFiles> OpenAsync(string folder, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(folder))
        {
            throw new JobFailedException("The source's folder does not exist on this worker's machine.");
        }

        var store = new LangGraphGoFiles(folder);
        foreach (var file in Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            store.Add(Path.GetFileName(file), await File.ReadAllBytesAsync(file, cancellationToken), null);
        }

        return store;
    }

    protected override async Task<IReadOnlyList<(string Locator, byte[]? Json)>> ReadAsync(
        IReadOnlyList<string> locators, CancellationToken cancellationToken)
    {
        var read = new List<(string, byte[]?)>(locators.Count);
        foreach (var name in locators)
        {
            var path = Path.Combine(_folder, name);
            read.Add((name, File.Exists(path) ? await File.ReadAllBytesAsync(path, cancellationToken) : null));
        }

        return read;
    }
}
