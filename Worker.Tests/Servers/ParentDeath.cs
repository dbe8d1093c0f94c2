namespace AsyncCheckpoints.Tests.Servers;

/// <summary>
/// Starts children that the kernel kills when the test process ends. Linux ties that to the thread that started the
/// child, and a thread of the pool may end any time: so one thread starts them all and lives as long as the process.
/// </summary>
internal static class ParentDeath
{
    private static readonly System.Collections.Concurrent.BlockingCollection<Action> Starts = [];

    static ParentDeath() =>
        new Thread(() =>
        {
            foreach (var start in Starts.GetConsumingEnumerable())
            {
                start();
            }
        })
        { IsBackground = true, Name = "Parent of workers" }.Start();

    /// <summary>What goes before the command; nothing where util-linux is missing.</summary>
    public static string[] Wrapper { get; } =
        new[] { "/usr/bin/setpriv", "/bin/setpriv" }.FirstOrDefault(File.Exists) is { } path ? [path, "--pdeathsig", "KILL", "--"] : [];

    public static Task RunAsync(Func<bool> start)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Starts.Add(() =>
        {
            try
            {
                start();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        return done.Task;
    }
}
