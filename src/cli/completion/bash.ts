import { candidates, paths, valueOptions, type Place, type Values } from "./places.ts";

/**
 * A script for bash, from 3.2 on, which is what macOS has. Every word in it is ours, so none needs quoting.
 *
 * @param name - of the tool
 */
export function bashCompletion(name: string, places: readonly Place[]): string {
  const complete = `_${name.replaceAll("-", "_")}`;
  const ofOptions = places.flatMap(valueOptions).map(({ pattern, values }) => `    ${pattern}) ${replies(values)}return ;;`);
  const ofPlaces = places.map((place) => {
    const files = place.values === "files" ? ` COMPREPLY=($(compgen -f -- "$cur"));` : "";
    return `    '${place.path}')${files} words='${candidates(place).map(([word]) => word).join(" ")}' ;;`;
  });
  return `# ${name} completion for bash. In ~/.bashrc: source <(${name} completion bash)
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
  case $place:$prev in
${ofOptions.join("\n")}
  esac
  case $place in
${ofPlaces.join("\n")}
  esac
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
complete -F ${complete} ${name}`;
}

function replies(values: Values): string {
  if (values === "files") return `compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); `;
  return values === "unknown" ? "" : `COMPREPLY=($(compgen -W "${values.join(" ")}" -- "$cur")); `;
}
