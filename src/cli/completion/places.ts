import type { Command, CommandEntry, OptionSpec } from "../command.ts";
import { commonOptions } from "../help.ts";

/** What a value is completed from: a few words, the names of files, or nothing that is known here. */
export type Values = readonly string[] | "files" | "unknown";

/** An option at a place. */
export interface CompletionOption extends OptionSpec {
  readonly name: string;
  /** Undefined for an option without a value. */
  readonly values: Values | undefined;
}

/** A command, a group of them or the program itself, and what may come next there. */
export interface Place {
  /** Its words, each behind a slash: `/auth/login`; empty for the program. */
  readonly path: string;
  readonly words: readonly (readonly [word: string, summary: string])[];
  readonly options: readonly CompletionOption[];
  /** What its arguments are completed from. */
  readonly values: Values;
}

/**
 * Every place of the program.
 *
 * @param commands - the command table; all of it is loaded, for its options
 */
export async function completionPlaces(commands: readonly CommandEntry[], groups: Readonly<Record<string, string>>): Promise<Place[]> {
  const places = new Map<string, Map<string, string>>([["", new Map()]]);
  const loaded: Place[] = [];
  for (const { words, summary, load } of commands) {
    words.forEach((word, depth) => {
      const above = words.slice(0, depth).map((name) => `/${name}`).join("");
      const below = places.get(above) ?? new Map<string, string>();
      places.set(above, below.set(word, depth === words.length - 1 ? summary : (groups[word] ?? "")));
    });
    const command = await load();
    const options = Object.entries({ ...command.options, ...commonOptions }).map(([name, option]) => optionAt(name, option));
    loaded.push({ path: words.map((word) => `/${word}`).join(""), words: [], options, values: argumentValues(command) });
  }
  const help = optionAt("help", commonOptions.help);
  const version = optionAt("version", { type: "boolean", help: "show the version" });
  const above = [...places].map(([path, words]): Place => ({ path, words: [...words], options: path === "" ? [help, version] : [help], values: "unknown" }));
  return [...above, ...loaded];
}

function optionAt(name: string, option: OptionSpec): CompletionOption {
  return { ...option, name, values: option.type === "boolean" ? undefined : (option.choices ?? (option.value === "FILE" ? "files" : "unknown")) };
}

/** As the usage line has them: `bash|zsh|fish`, or `FILE`. */
function argumentValues({ usage }: Command): Values {
  const choices = usage.split(" ").find((word) => /^\w+(\|\w+)+$/.test(word));
  return choices?.split("|") ?? (/\bFILE\b/.test(usage) ? "files" : "unknown");
}
