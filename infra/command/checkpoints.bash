# shellcheck shell=bash
# Completion of the command checkpoints in bash: the program says what can follow the words before the cursor's.
_checkpoints() {
  local line=${COMP_LINE:0:COMP_POINT} word found
  word=${line##*[[:space:]]}
  line=${line#*[[:space:]]}
  line=${line%"$word"}
  COMPREPLY=()
  while IFS= read -r found; do
    if [[ -n $found && $found == "$word"* ]]; then COMPREPLY+=("$found"); fi
  done < <(checkpoints "[suggest:${#line}]" "$line" 2> /dev/null)
}
# Where it has nothing to say, names of files.
complete -o default -F _checkpoints checkpoints
