namespace AsyncCheckpoints.Worker.Jobs;

/// <summary>A job cannot go on, and another attempt would not change that.</summary>
internal sealed class JobFailedException(string message, Exception? innerException = null) : Exception(message, innerException);
