import { commonOptions, profileOption, type Choices, type CommandEntry, type OptionSpec } from "../command.ts";

/** What a value is completed from; `unknown` where nothing is known about it. */
export type Values = Choices | "unknown";

/** An option at a place. */
export interface CompletionOption {
  readonly name: string;
  readonly short: string | undefined;
  readonly help: string;
  /** Undefined for an option without a value. */
  readonly values: Values | undefined;
}

/** The tool itself, a group of commands or a command, and what may come next there. */
export interface Place {
  /** Its words, each after a slash: `/auth/login`; empty for the tool. */
  readonly path: string;
  /** The commands and groups below it. */
  readonly words: readonly (readonly [word: string, summary: string])[];
  readonly options: readonly CompletionOption[];
  /** What its arguments are completed from. */
  readonly values: Values;
}

/**
 * Every place of the tool.
 *
 * @param commands - the command table; all of it is loaded, for the options
 * @param groups - what each group of commands is about
 */
export async function completionPlaces(commands: readonly CommandEntry[], groups: Readonly<Record<string, string>>): Promise<Place[]> {
  const above = new Map<string, Map<string, string>>([["", new Map()]]);
  const places: Place[] = [];
  for (const { words, summary, load } of commands) {
    words.forEach((word, depth) => {
      const path = pathOf(words.slice(0, depth));
      const below = above.get(path) ?? new Map<string, string>();
      above.set(path, below.set(word, depth === words.length - 1 ? summary : (groups[word] ?? "")));
    });
    const command = await load();
    const options = Object.entries({ ...command.options, ...commonOptions }).map(([name, option]) => completionOption(name, option));
    places.push({ path: pathOf(words), words: [], options, values: command.choices ?? "unknown" });
  }
  const help = completionOption("help", commonOptions.help);
  const version = completionOption("version", { type: "boolean", help: "show the version" });
  // In front of a command stand the options that every command has, and the profile.
  const inFront = Object.entries({ ...profileOption, ...commonOptions }).map(([name, option]) => completionOption(name, option));
  const groupOptions = (path: string): CompletionOption[] => (path === "" ? [...inFront, version] : [help]);
  return [...[...above].map(([path, words]): Place => ({ path, words: [...words], options: groupOptions(path), values: "unknown" })), ...places];
}

/** Everything that can be typed at a place, options included, and what it is for. */
export function candidates({ words, values, options }: Place): (readonly [word: string, summary: string])[] {
  const choices = Array.isArray(values) ? (values as readonly string[]).map((value) => [value, ""] as const) : [];
  return [...words, ...choices, ...options.map(({ name, help }) => [`--${name}`, help] as const)];
}

/** The options at a place that take a value, as a shell's `case` matches them: the place, a colon and the option, in both spellings. */
export function valueOptions({ path, options }: Place): { pattern: string; values: Values }[] {
  return options.flatMap(({ name, short, values }) =>
    values === undefined ? [] : [{ pattern: [`--${name}`, ...(short === undefined ? [] : [`-${short}`])].map((flag) => `${path}:${flag}`).join("|"), values }],
  );
}

/** The paths of all places but the tool's own. */
export function paths(places: readonly Place[]): string[] {
  return places.flatMap(({ path }) => path || []);
}

function pathOf(words: readonly string[]): string {
  return words.map((word) => `/${word}`).join("");
}

function completionOption(name: string, { type, short, choices, help }: OptionSpec): CompletionOption {
  return { name, short, help, values: type === "boolean" ? undefined : (choices ?? "unknown") };
}
