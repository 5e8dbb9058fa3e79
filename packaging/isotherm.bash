# Completion for bash.  Commands, options and boards are asked of the program itself, so that they
# are always those of the version that is installed.
_isotherm()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words
    local command=${COMP_WORDS[1]}
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        words="help $(isotherm --help 2>/dev/null |
            sed -n '/^Commands:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p')"
    else
        case $command:$before in
        *:--log-level | run:-l) words="error warn info debug" ;;
        *:--print) words="schema reference example board-schema board-reference" ;;
        *:--board | check:-B | plan:-B | board:board)
            words="auto $(isotherm board --list 2>/dev/null | cut -d ' ' -f 1)"
            ;;
        alarms:alarms) words="list ack reset shelve unshelve oos return" ;;
        store:store) words="check dump export repair" ;;
        esac
        [[ $word == -* ]] && words=$(isotherm "$command" --help 2>/dev/null |
            grep -o -e '--[a-z][a-z-]*' | sort -u)
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
# What is no word of ours is a file.
complete -o default -F _isotherm isotherm
