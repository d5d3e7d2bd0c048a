import { candidates, paths, valueOptions, type Place, type Values } from "./places.ts";

/**
 * A script for bash, from 3.2 on, which is what macOS has.
 *
 * Only our own words go through `compgen -W`, which expands them like a command line. File names may come from anyone: bash
 * completes them itself, with its own quoting, where this function has nothing to offer (`-o default`). What the tool
 * prints is quoted one by one.
 *
 * @param name - of the tool
 */
export function bashCompletion(name: string, places: readonly Place[]): string {
  const complete = `_${name.replaceAll("-", "_")}`;
  const ofOptions = places.flatMap(valueOptions).map(({ pattern, values }) => `    ${pattern}) ${replies(complete, values)}return ;;`);
  const ofPlaces = places.map((place) => {
    // A word that begins with a dash is an option; any other is a value.
    const value = typeof place.values === "string" && place.values !== "unknown" ? ` if [[ $cur != -* ]]; then ${replies(complete, place.values)}return; fi;` : "";
    return `    '${place.path}')${value} words='${candidates(place).map(([word]) => word).join(" ")}' ;;`;
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
  case $place:$prev in
${ofOptions.join("\n")}
  esac
  case $place in
${ofPlaces.join("\n")}
  esac
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
# Before bash 4 the choice cannot be made while completing: there, file names are offered wherever nothing else is.
if type compopt >/dev/null 2>&1; then complete -F ${complete} ${name}; else complete -o default -F ${complete} ${name}; fi`;
}

function replies(complete: string, values: Values): string {
  if (values === "files") return "compopt -o default 2>/dev/null; ";
  if (values === "profiles" || values === "teams") return `${complete}_names ${values}; `;
  return values === "unknown" ? "" : `COMPREPLY=($(compgen -W "${values.join(" ")}" -- "$cur")); `;
}
