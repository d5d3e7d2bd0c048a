import type { CompletionOption, Place } from "./places.ts";

/** A script for bash, from 3.2 on, which is what macOS has. Every word in it is ours, so none needs quoting. */
export function bashCompletion(places: readonly Place[]): string {
  const afterOptions = places.flatMap(({ path, options }) =>
    options.filter(({ values }) => values !== undefined).map((option) => `    ${path}:${flags(option).join(`|${path}:`)}) ${complete(option.values)}return ;;`),
  );
  const at = places.map((place) => {
    const words = [...place.words.map(([word]) => word), ...(Array.isArray(place.values) ? place.values : []), ...place.options.map(({ name }) => `--${name}`)];
    const files = place.values === "files" ? ` COMPREPLY=(\$(compgen -f -- "$cur"));` : "";
    return `    '${place.path}')${files} words='${words.join(" ")}' ;;`;
  });
  return `# spec-kitty completion for bash. In ~/.bashrc: source <(spec-kitty completion bash)
_spec_kitty() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} place= words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case $place/\${COMP_WORDS[i]} in
      ${places.flatMap(({ path }) => path || []).join("|")}) place=$place/\${COMP_WORDS[i]} ;;
    esac
  done
  # --option=value comes as three words.
  if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
  case $place:$prev in
${afterOptions.join("\n")}
  esac
  case $place in
${at.join("\n")}
  esac
  COMPREPLY+=(\$(compgen -W "$words" -- "$cur"))
}
complete -F _spec_kitty spec-kitty`;
}

function complete(values: CompletionOption["values"]): string {
  if (values === "files") return `compopt -o filenames 2>/dev/null; COMPREPLY=(\$(compgen -f -- "$cur")); `;
  return Array.isArray(values) ? `COMPREPLY=(\$(compgen -W "${values.join(" ")}" -- "$cur")); ` : "";
}

function flags({ name, short }: CompletionOption): string[] {
  return [`--${name}`, ...(short === undefined ? [] : [`-${short}`])];
}
