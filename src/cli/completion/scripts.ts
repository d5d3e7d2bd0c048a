import { shellQuoted } from "../../base/hint.ts";
import type { Choices } from "../command.ts";
import { candidates, paths, valueOptions, type Place } from "./places.ts";

export const scripts: Readonly<Record<string, (name: string, places: readonly Place[]) => string>> = {
  bash,
  zsh,
  fish,
};

/** Completes a value by its kind of choices; nothing if unknown. */
function repliesBy(shell: {
  files: string;
  names: (kind: string) => string;
  words: (all: string) => string;
}): (choices: Choices | undefined) => string {
  return (choices = []) => {
    if (choices === "files") return shell.files;
    if (typeof choices === "string") return shell.names(choices);
    return choices.length === 0 ? "" : shell.words(choices.join(" "));
  };
}

/** First an option's value, then the place's words. */
function decided(ofOptions: readonly string[], ofPlaces: readonly string[]): string {
  return `  case $place:$prev in
${ofOptions.join("\n")}
  esac
  case $place in
${ofPlaces.join("\n")}
  esac`;
}

/**
 * From bash 3.2 on, as in macOS.
 *
 * Only our own words go through `compgen -W`, which expands them like a command line. File names may be anyone's: bash
 * completes and quotes them itself (`-o default`). The tool's output is quoted word by word.
 */
function bash(name: string, places: readonly Place[]): string {
  const complete = `_${name.replaceAll("-", "_")}`;
  const replies = repliesBy({
    files: "compopt -o default 2>/dev/null; ",
    names: (kind) => `${complete}_names ${kind}; `,
    words: (all) => `COMPREPLY=($(compgen -W "${all}" -- "$cur")); `,
  });
  const ofOptions = places
    .flatMap(valueOptions)
    .map(({ pattern, choices }) => `    ${pattern}) ${replies(choices)}return ;;`);
  const ofPlaces = places.map((place) => {
    // A word with a dash is an option, any other a value.
    const value =
      typeof place.choices === "string" ? ` if [[ $cur != -* ]]; then ${replies(place.choices)}return; fi;` : "";
    return `    '${place.path}')${value} words='${candidates(place)
      .map(([word]) => word)
      .join(" ")}' ;;`;
  });
  return `# ${name} completion for bash. In ~/.bashrc: source <(${name} completion bash)
${complete}_names() {
  local word
  while IFS= read -r word; do
    if [[ $word == "$cur"* ]]; then COMPREPLY+=("$(printf %q "$word")"); fi
  done < <(${name} completion "$1" 2>/dev/null)
}
${complete}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} place= words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case $place/\${COMP_WORDS[i]} in
      ${paths(places).join("|")}) place=$place/\${COMP_WORDS[i]} ;;
    esac
  done
  # --option=value comes as three words.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
${decided(ofOptions, ofPlaces)}
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
# Before bash 4 the choice cannot be made while completing: there, file names are offered wherever nothing else is.
if type compopt >/dev/null 2>&1; then complete -F ${complete} ${name}; else complete -o default -F ${complete} ${name}; fi`;
}

/** For zsh, to be sourced, or as `_` and the tool's name in a directory of `fpath`. */
function zsh(name: string, places: readonly Place[]): string {
  const complete = `_${name.replaceAll("-", "_")}`;
  const replies = repliesBy({
    files: "_files; ",
    // zsh quotes what it inserts.
    names: (kind) => `compadd -- \${(f)"$(${name} completion ${kind} 2>/dev/null)"}; `,
    words: (all) => `compadd -- ${all}; `,
  });
  const ofOptions = places
    .flatMap(valueOptions)
    .map(({ pattern, choices }) => `    (${pattern}) ${replies(choices)}return ;;`);
  const ofPlaces = places.map((place) => {
    const value = typeof place.choices === "string" ? ` ${replies(place.choices)}` : "";
    const found = candidates(place).map(([word, summary]) =>
      shellQuoted(summary ? `${word}:${summary}` : word, "linux"),
    );
    return `    ('${place.path}')${value.trimEnd()} found=(${found.join(" ")}) ;;`;
  });
  return `#compdef ${name}
# ${name} completion for zsh. In ~/.zshrc, after compinit: source <(${name} completion zsh)
${complete}() {
  local place= prev=\${words[CURRENT-1]} i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    case $place/\${words[i]} in
      (${paths(places).join("|")}) place=$place/\${words[i]} ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then prev=\${PREFIX%%=*}; compset -P '*='; fi
${decided(ofOptions, ofPlaces)}
  _describe ${name} found
}
if [[ $funcstack[1] == ${complete} || $funcstack[1] == _${name} ]]; then ${complete}; else compdef ${complete} ${name}; fi`;
}

function fish(name: string, places: readonly Place[]): string {
  const replies = repliesBy({
    files: "-F",
    // fish quotes what it inserts.
    names: (kind) => `-f -a '(${name} completion ${kind} 2>/dev/null)'`,
    words: (all) => `-f -a '${all}'`,
  });
  const isAt = `__${name.replaceAll("-", "_")}_at`;
  const lines = places.flatMap(({ path, words, choices, options }) => {
    const at = (rest: string): string => `complete -c ${name} -n '${isAt} "${path}"' ${rest}`;
    return [
      ...words.map(([word, summary]) => at(`-a ${word} -d ${quoted(summary)}`)),
      ...(choices === undefined ? [] : [at(replies(choices))]),
      ...options.map(([option, { value, short, choices: values, help }]) => {
        const flags = `-l ${option}${short === undefined ? "" : ` -s ${short}`}`;
        return at(`${flags}${value === undefined ? "" : ` -r ${replies(values) || "-f"}`} -d ${quoted(help)}`);
      }),
    ];
  });
  return `# ${name} completion for fish. Once: ${name} completion fish > ~/.config/fish/completions/${name}.fish
function ${isAt}
    set -l place ""
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$place/$word"
            case ${paths(places).join(" ")}
                set place "$place/$word"
        end
    end
    test "$place" = "$argv[1]"
end
complete -c ${name} -f
${lines.join("\n")}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
