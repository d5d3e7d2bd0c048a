import type { Place, Values } from "./places.ts";

/** A script for zsh, to be sourced or to be found in a folder of `fpath` under the name `_spec-kitty`. */
export function zshCompletion(places: readonly Place[]): string {
  const afterOptions = places.flatMap(({ path, options }) =>
    options.flatMap(({ name, short, values }) => {
      if (values === undefined) return [];
      return `    (${path}:--${name}${short === undefined ? "" : `|${path}:-${short}`}) ${complete(values)}return ;;`;
    }),
  );
  const at = places.map(({ path, words, values, options }) => {
    const found = [...words, ...(Array.isArray(values) ? values.map((value) => [value, ""] as const) : []), ...options.map(({ name, help }) => [`--${name}`, help] as const)];
    return `    ('${path}')${values === "files" ? " _files;" : ""} found=(${found.map(([word, summary]) => quoted(summary ? `${word}:${summary}` : word)).join(" ")}) ;;`;
  });
  return `#compdef spec-kitty
# spec-kitty completion for zsh. In ~/.zshrc, after compinit: source <(spec-kitty completion zsh)
_spec_kitty() {
  local place= prev=\${words[CURRENT-1]} i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    case $place/\${words[i]} in
      (${places.flatMap(({ path }) => path || []).join("|")}) place=$place/\${words[i]} ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then prev=\${PREFIX%%=*}; compset -P '*='; fi
  case $place:$prev in
${afterOptions.join("\n")}
  esac
  case $place in
${at.join("\n")}
  esac
  _describe spec-kitty found
}
if [[ $funcstack[1] == _spec_kitty || $funcstack[1] == _spec-kitty ]]; then _spec_kitty; else compdef _spec_kitty spec-kitty; fi`;
}

function complete(values: Values): string {
  if (values === "files") return "_files; ";
  return values === "unknown" ? "" : `compadd -- ${values.join(" ")}; `;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
