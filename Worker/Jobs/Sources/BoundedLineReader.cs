using System.Text;

namespace AsyncCheckpoints.Worker.Jobs.Sources;

/// <summary>Reads lines, none of which takes more memory than allowed: of a longer one only its length is told.</summary>
/// <param name="reader">The text.</param>
/// <param name="maxLength">The longest line, in characters.</param>
internal sealed class BoundedLineReader(TextReader reader, int maxLength)
{
    private readonly char[] _buffer = new char[32 * 1024];
    private int _start;
    private int _end;

    /// <summary>Reads the next line; null at the end.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    public async ValueTask<Line?> ReadAsync(CancellationToken cancellationToken)
    {
        StringBuilder? text = null;
        var length = 0L;
        while (true)
        {
            if (_start == _end)
            {
                (_start, _end) = (0, await reader.ReadAsync(_buffer, cancellationToken));
                if (_end == 0)
                {
                    return length > 0 || text is not null ? new Line(text?.ToString(), length) : null;
                }
            }

            var feed = _buffer.AsSpan(_start.._end).IndexOf('\n');
            var part = feed < 0 ? _end - _start : feed;
            length += part;
            text = length <= maxLength ? (text ?? new StringBuilder()).Append(_buffer, _start, part) : null;
            _start += feed < 0 ? part : part + 1;
            if (feed >= 0)
            {
                return new Line(text?.ToString().TrimEnd('\r'), length);
            }
        }
    }

    /// <summary>A line.</summary>
    /// <param name="Text">Its text; null: it is too long.</param>
    /// <param name="Length">Its length in characters.</param>
    public readonly record struct Line(string? Text, long Length);
}
