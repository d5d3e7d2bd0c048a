import {
  commonOptions,
  optionsOf,
  profileOption,
  type Choices,
  type CommandEntry,
  type OptionSpec,
} from "../command.ts";
import { wordsAfter } from "../help.ts";

/** The tool, a group or a command, and what may follow. */
export interface Place {
  /** Its words, each after a slash: `/auth/login`; empty for the tool. */
  readonly path: string;
  readonly words: readonly (readonly [word: string, summary: string])[];
  readonly options: readonly (readonly [name: string, option: OptionSpec])[];
  readonly choices: Choices | undefined;
}

export async function completionPlaces(commands: readonly CommandEntry[]): Promise<Place[]> {
  const groups = new Map<string, readonly string[]>([["", []]]);
  const places: Place[] = [];
  for (const { words, load } of commands) {
    words.forEach((_, depth) => groups.set(pathOf(words.slice(0, depth)), words.slice(0, depth)));
    const command = await load();
    places.push({ path: pathOf(words), words: [], options: optionsOf(command), choices: command.choices });
  }
  // Before a command: the common options, and the profile.
  const inFront = Object.entries<OptionSpec>({
    ...profileOption,
    ...commonOptions,
    version: { help: "show the version" },
  });
  const help = Object.entries({ help: commonOptions.help });
  return [
    ...[...groups].map(
      ([path, words]): Place => ({
        path,
        words: wordsAfter(words, commands),
        options: path === "" ? inFront : help,
        choices: undefined,
      }),
    ),
    ...places,
  ];
}

export function candidates({ words, choices, options }: Place): (readonly [word: string, summary: string])[] {
  const values = typeof choices === "object" ? choices.map((value) => [value, ""] as const) : [];
  return [...words, ...values, ...options.map(([name, { help }]) => [`--${name}`, help] as const)];
}

/** For a shell's `case`: the place, a colon and the option, in both spellings. */
export function valueOptions({ path, options }: Place): { pattern: string; choices: Choices | undefined }[] {
  return options.flatMap(([name, { value, short, choices }]) =>
    value === undefined
      ? []
      : [
          {
            pattern: [`--${name}`, ...(short ? [`-${short}`] : [])].map((flag) => `${path}:${flag}`).join("|"),
            choices,
          },
        ],
  );
}

export function paths(places: readonly Place[]): string[] {
  return places.flatMap(({ path }) => path || []);
}

function pathOf(words: readonly string[]): string {
  return words.map((word) => `/${word}`).join("");
}
