import type { Command, CommandEntry, OptionSpec } from "./command.ts";
import { columns } from "./format.ts";
import type { TopicEntry } from "./topic-table.ts";

/** The options that every command has. */
export const commonOptions: { readonly help: OptionSpec; readonly debug: OptionSpec } = {
  help: { type: "boolean", short: "h", help: "show this" },
  debug: { type: "boolean", help: "show where an error comes from" },
};

/** The help of one command. */
export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, ...commonOptions }).map(([name, option]: [string, OptionSpec]): [string, string] => {
    const value = option.type === "string" ? ` ${option.value ?? "VALUE"}` : "";
    return [`${option.short ? `-${option.short}, ` : "    "}--${name}${value}`, option.help];
  });
  const examples = command.examples.map(([line, does]): [string, string] => [line, does]);
  return `${usageLine(command)}\n\n${command.description}\n\nOptions\n${columns(options)}\n\nExamples\n${columns(examples)}`;
}

/** How a command is called. */
export function usageLine(command: Command): string {
  return `Usage: spec-kitty ${command.usage} [options]`;
}

/**
 * The help of a group of commands, or of the program.
 * @param words - the words typed so far
 * @param entries - the commands below them
 * @param topics - what `help` has besides, for the help of the program
 */
export function groupHelp(words: readonly string[], entries: readonly CommandEntry[], groups: Readonly<Record<string, string>>, topics: readonly TopicEntry[]): string {
  const below = new Map<string, string>();
  for (const { words: all, summary } of entries) {
    const word = all[words.length];
    if (word !== undefined) below.set(word, all.length === words.length + 1 ? summary : (groups[word] ?? ""));
  }
  const name = ["spec-kitty", ...words].join(" ");
  const first = [...below.keys()][0] ?? "";
  const examples = [`${name} ${first} --help`, "spec-kitty auth login"];
  return [
    `Usage: ${name} COMMAND [options]`,
    words.length === 0 ? "Log in to a service from the terminal, once, and stay logged in." : `To ${groups[words[0] ?? ""] ?? ""}.`,
    `Commands\n${columns([...below])}`,
    words.length === 0 ? `Options\n${columns([["-h, --help", "show this, at every level"], ["    --version", "show the version"]])}` : "",
    `Examples\n${examples.map((line) => `  ${line}`).join("\n")}`,
    topics.length === 0 ? "" : `More to read\n${columns(topics.map(({ name: topic, summary }) => [`${name} help ${topic}`, summary]))}`,
  ]
    .filter(Boolean)
    .join("\n\n");
}
