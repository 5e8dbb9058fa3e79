# Completion for bash.  Commands and options are asked of the program itself, so that they are
# always those of the version that is installed.
_isotherm()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        words="help $(isotherm --help 2>/dev/null |
            sed -n '/^Commands:/,/^$/s/^  \([a-z]\{1,\}\) .*/\1/p')"
    else
        case $before in
        -l | --log-level) words="error warn info debug" ;;
        --print) words="schema reference example board-schema board-reference" ;;
        *)
            [[ $word == -* ]] && words=$(isotherm "${COMP_WORDS[1]}" --help 2>/dev/null |
                grep -o -e '--[a-z][a-z-]*' | sort -u)
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
# What is no word of ours is a file.
complete -o default -F _isotherm isotherm
