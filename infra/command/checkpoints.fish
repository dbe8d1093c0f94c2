# Completion of the command checkpoints in fish: the program says what can follow the words before the cursor's.
function __checkpoints_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l line (string join ' ' -- $words '')
    checkpoints "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null
end
complete -c checkpoints -a '(__checkpoints_complete)'
