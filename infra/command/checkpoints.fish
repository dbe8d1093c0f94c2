# Completion of the command checkpoints in fish: the program says what can follow the words before the cursor's.
function __checkpoints_complete
    set -l token (commandline -ct)
    set -l words (commandline -opc)
    set -e words[1]
    set -l line (string join ' ' -- $words '')
    set -l found (checkpoints "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null | string match -r -- '^'(string escape --style=regex -- "$token")'.*')
    # Options are asked for with their dash.
    if test -z "$token"
        set found (string match -v -- '-*' $found)
    end
    # Where it has nothing to say, names of files.
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path $token
    end
end
complete -c checkpoints -f -a '(__checkpoints_complete)'
