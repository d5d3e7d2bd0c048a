import { paths, type Place, type Values } from "./places.ts";

/**
 * A script for fish.
 *
 * @param name - of the tool
 */
export function fishCompletion(name: string, places: readonly Place[]): string {
  const replies = (values: Values): string => {
    if (values === "files") return "-F";
    // fish quotes what it inserts.
    if (values === "profiles" || values === "teams") return `-f -a '(${name} completion ${values} 2>/dev/null)'`;
    return values === "unknown" ? "-f" : `-f -a '${values.join(" ")}'`;
  };
  const isAt = `__${name.replaceAll("-", "_")}_at`;
  const lines = places.flatMap(({ path, words, values, options }) => {
    const at = (rest: string): string => `complete -c ${name} -n '${isAt} "${path}"' ${rest}`;
    return [
      ...words.map(([word, summary]) => at(`-a ${word} -d ${quoted(summary)}`)),
      ...(values === "unknown" ? [] : [at(replies(values))]),
      ...options.map((option) => {
        const flags = `-l ${option.name}${option.short === undefined ? "" : ` -s ${option.short}`}`;
        return at(`${flags}${option.values === undefined ? "" : ` -r ${replies(option.values)}`} -d ${quoted(option.help)}`);
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
