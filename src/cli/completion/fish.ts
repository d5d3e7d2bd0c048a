import type { Place, Values } from "./places.ts";

/** A script for fish. */
export function fishCompletion(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, words, values, options }) => {
    const at = (rest: string): string => `complete -c spec-kitty -n '__spec_kitty_at "${path}"' ${rest}`;
    return [
      ...words.map(([word, summary]) => at(`-a ${word} -d ${quoted(summary)}`)),
      ...(values === "unknown" ? [] : [at(complete(values))]),
      ...options.map(({ name, short, help, values: own }) =>
        at(`-l ${name}${short === undefined ? "" : ` -s ${short}`}${own === undefined ? "" : ` -r ${complete(own)}`} -d ${quoted(help)}`),
      ),
    ];
  });
  return `# spec-kitty completion for fish. Once: spec-kitty completion fish > ~/.config/fish/completions/spec-kitty.fish
function __spec_kitty_at
    set -l place ""
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        switch "$place/$word"
            case ${places.flatMap(({ path }) => path || []).join(" ")}
                set place "$place/$word"
        end
    end
    test "$place" = "$argv[1]"
end
complete -c spec-kitty -f
${lines.join("\n")}`;
}

function complete(values: Values): string {
  if (values === "files") return "-F";
  return values === "unknown" ? "-f" : `-f -a '${values.join(" ")}'`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
