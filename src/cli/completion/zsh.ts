import { shellQuoted } from "../../base/hint.ts";
import { candidates, paths, valueOptions, type Place, type Values } from "./places.ts";

/**
 * A script for zsh, to be sourced, or to be found in a folder of `fpath` under the tool's name after a `_`.
 *
 * @param name - of the tool
 */
export function zshCompletion(name: string, places: readonly Place[]): string {
  const complete = `_${name.replaceAll("-", "_")}`;
  const replies = (values: Values): string => {
    if (values === "files") return "_files; ";
    // zsh quotes what it inserts.
    if (values === "profiles" || values === "teams") return `compadd -- \${(f)"$(${name} completion ${values} 2>/dev/null)"}; `;
    return values === "unknown" ? "" : `compadd -- ${values.join(" ")}; `;
  };
  const ofValue = (values: Values): string => (typeof values === "string" ? ` ${replies(values)}`.trimEnd() : "");
  const ofOptions = places.flatMap(valueOptions).map(({ pattern, values }) => `    (${pattern}) ${replies(values)}return ;;`);
  const ofPlaces = places.map((place) => {
    const found = candidates(place).map(([word, summary]) => shellQuoted(summary ? `${word}:${summary}` : word, "linux"));
    return `    ('${place.path}')${ofValue(place.values)} found=(${found.join(" ")}) ;;`;
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
  case $place:$prev in
${ofOptions.join("\n")}
  esac
  case $place in
${ofPlaces.join("\n")}
  esac
  _describe ${name} found
}
if [[ $funcstack[1] == ${complete} || $funcstack[1] == _${name} ]]; then ${complete}; else compdef ${complete} ${name}; fi`;
}
