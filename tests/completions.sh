#!/usr/bin/env bash
# Presses the key for completions in the shells that are installed: `bash tests/completions.sh VAE`, with the program's path. Prints
# what was typed and what was offered, and fails if something expected is missing. bash is driven through the function that its
# script registers, fish by `complete -C`, zsh in a terminal of its own (zpty), and elvish through the registered function.
set -euo pipefail

[ $# = 1 ] || { echo 'usage: bash tests/completions.sh VAE' >&2; exit 2; }
vae=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin" "$scratch/work"
ln -s "$vae" "$scratch/bin/vae"
export PATH="$scratch/bin:$PATH" HOME="$scratch" NO_COLOR=1
cd "$scratch/work"

# Two runs, a folder that is none, and a config.
mkdir -p runs/digits-1 runs/mnist-conv-7 runs/empty
touch runs/digits-1/config.toml runs/mnist-conv-7/config.toml mine.toml

# The words that are typed, each line up to the place of the key, and words that must be offered.
cases() {
    cat <<'CASES'
vae tr|train traverse
vae compl|completions
vae train --config |digits smoke mnist mine.toml
vae train --config mnist-|mnist-conv
vae train --config beta-vae-|beta-vae-sprites
vae train --res|--resume
vae train --resume |digits-1 mnist-conv-7
vae sample |digits-1 mnist-conv-7
vae sample dig|digits-1
vae sample --from |
vae compare digits-1 |digits-1 mnist-conv-7
vae rm mn|mnist-conv-7
vae eval --device |auto cpu
vae summary |digits digits-1 mnist-conv-7
vae repro |list pytorch-example
vae list |presets runs
vae completions |bash zsh fish powershell elvish
CASES
}
# Words that no completion may offer.
never='empty manual'

failed=0
# Checks the offers, one on each line of stdin, against the expected words $3. $1 is the shell, and $2 the line.
check() {
    local offers
    offers=$(cat)
    printf '  %-42s %s\n' "$2<TAB>" "$(tr '\n' ' ' <<<"$offers" | cut -c1-100)"
    local word
    for word in $3; do
        grep -qxF -- "$word" <<<"$offers" || { echo "    $1: expected \`$word\`"; failed=1; }
    done
    for word in $never; do
        ! grep -qxF -- "$word" <<<"$offers" || { echo "    $1: did not expect \`$word\`"; failed=1; }
    done
}

in_bash() {
    bash --norc -c '
        source <(vae completions bash)
        read -ra COMP_WORDS <<<"$1"
        [[ $1 != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9 COMP_LINE=$1 COMP_POINT=${#1}
        name=$(complete -p vae | sed "s/.*-F \([^ ]*\).*/\1/")
        "$name" vae "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}

in_fish() {
    fish --no-config -c 'vae completions fish | source; complete -C $argv[1]' "$1" | cut -f1
}

# The list that zsh shows beneath the line.
in_zsh() {
    TERM=vt100 zsh -f "$scratch/press.zsh" "$1" "source <(vae completions zsh)" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]/ /g' | tr -s ' \r\a' '\n' | sed 's/[^[:graph:]]//g' | sort -u
}
# The same with the file `_vae` of a release, which zsh finds by its name.
in_zsh_fpath() {
    vae manual "$scratch/manual"
    local before="fpath=($scratch/manual/completions \$fpath); compinit -u -D"
    TERM=vt100 zsh -f "$scratch/press.zsh" "$1" "$before" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]/ /g' | tr -s ' \r\a' '\n' | sed 's/[^[:graph:]]//g' | sort -u
}
cat >"$scratch/press.zsh" <<'ZSH'
zmodload zsh/zpty
zpty -b shell 'TERM=vt100 COLUMNS=200 zsh -f -i'
# Reads until the mark $1 is printed or nothing comes for some time.
until_quiet() {
    local text=$1 part all='' tries=0
    while ((tries < 20)); do
        if zpty -rt shell part 2>/dev/null; then
            all+=$part tries=0
            [[ -n $text && $all == *$text* ]] && break
        else
            sleep 0.05
            ((tries++))
        fi
    done
    print -r -- $all
}
zpty -w shell 'stty cols 200 rows 100; PROMPT="> "; LISTMAX=10000; autoload -Uz compinit; compinit -u -D; zstyle ":completion:*" list-packed no; setopt no_beep auto_list no_auto_menu no_list_ambiguous; '$2'; print ready-$((40 + 2))'
until_quiet ready-42 >/dev/null
zpty -wn shell "$1"$'\t'
until_quiet '' 
zpty -d shell
ZSH

in_elvish() {
    # The module of the editor exists in a terminal alone, so the function is kept in a variable.
    vae completions elvish | sed 's/^set edit:completion:arg-completer\[vae\] =/var complete =/' >"$scratch/vae.elv"
    local words=()
    read -ra words <<<"$1"
    [[ $1 != *' ' ]] || words+=('')
    printf '\n$complete' >>"$scratch/vae.elv"
    printf " '%s'" "${words[@]}" >>"$scratch/vae.elv"
    elvish -norc "$scratch/vae.elv" | sed 's/^▶ //'
}

for shell in bash zsh zsh_fpath fish elvish; do
    if ! command -v "${shell%_*}" >/dev/null; then
        echo "skipped: there is no $shell here"
        continue
    fi
    echo "$shell:"
    while IFS='|' read -r line words; do
        check "$shell" "$line" "$words" < <("in_$shell" "$line" </dev/null)
    done < <(if [ "$shell" = zsh_fpath ]; then cases | head -n 3; else cases; fi)
done
[ "$failed" = 0 ] && echo 'all offered'
exit "$failed"
