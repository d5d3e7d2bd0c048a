import type { Identity } from "../base/identity.ts";
import { commonOptions, type Command, type CommandEntry, type HelpText, type OptionSpec } from "./command.ts";
import { columns } from "./format.ts";
import { groupExamples, type TopicEntry } from "./command-table.ts";

/** The help of one command. */
export function commandHelp(command: Command, identity: Identity): string {
  const specs = Object.entries<OptionSpec>({ ...command.options, ...commonOptions });
  const options = specs.map(([name, { type, short, value = "VALUE", help }]): [string, string] => [
    `${short ? `-${short}, ` : "    "}--${name}${type === "boolean" ? "" : ` ${value}`}`,
    help,
  ]);
  const examples = command.examples.map(([line, does]): [string, string] => [exampleLine(line, identity), does]);
  const description = typeof command.description === "function" ? command.description(identity) : command.description;
  const usage = `Usage: ${identity.command} ${command.usage} [options]`;
  return `${usage}\n\n${description}\n\nOptions\n${columns(options)}\n\nExamples\n${columns(examples)}`;
}

/** An example as it is typed. */
export function exampleLine(line: HelpText, identity: Identity): string {
  return typeof line === "function" ? line(identity) : `${identity.command} ${line}`;
}

/** What the help of a group needs to know besides its commands. */
interface GroupHelpOptions {
  readonly identity: Identity;
  /** What each group is about, by its first word. */
  readonly groups: Readonly<Record<string, string>>;
  /** The topics of `help TOPIC`, for the help of the tool itself. */
  readonly topics: readonly TopicEntry[];
}

/**
 * The help of a group of commands, or of the tool itself.
 *
 * @param words - the words typed so far; none for the tool
 * @param entries - the commands below them
 */
export function groupHelp(words: readonly string[], entries: readonly CommandEntry[], { identity, groups, topics }: GroupHelpOptions): string {
  const below = new Map<string, string>();
  for (const { words: all, summary } of entries) {
    const word = all[words.length];
    if (word !== undefined) below.set(word, all.length === words.length + 1 ? summary : (groups[word] ?? ""));
  }
  const isTop = words.length === 0;
  const name = [identity.command, ...words].join(" ");
  const summary = groups[words[0] ?? ""] ?? "";
  return [
    `Usage: ${name} COMMAND [options]`,
    isTop ? "Log in to a service from the terminal, once, and stay logged in." : `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    `Commands\n${columns([...below])}`,
    isTop ? `Options\n${columns([["-h, --help", "show this help, at every level"], ["    --version", "show the version"], ["    --json, --verbose, --debug", "of every command: also in front of it, as --profile NAME"]])}` : "",
    `Examples\n${(groupExamples[words[0] ?? ""] ?? []).map((line) => `  ${identity.command} ${line}`).join("\n")}`,
    topics.length === 0 ? "" : `More to read\n${columns(topics.map((topic) => [`${name} help ${topic.name}`, topic.summary]))}`,
  ]
    .filter(Boolean)
    .join("\n\n");
}
