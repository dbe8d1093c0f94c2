using Xunit;

namespace AsyncCheckpoints.Tests.Servers;

/// <summary>A test with a disk that is soon full: skipped where none can be mounted, which takes root.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute()
    {
        if (!SmallDisk.IsMountable)
        {
            Skip = "A tmpfs cannot be mounted here: it takes root, and the right to mount.";
        }
    }
}
