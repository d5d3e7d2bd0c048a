import type { Identity } from "../base/identity.ts";
import { optionsOf, type Command, type CommandEntry, type HelpText, type TopicEntry } from "./command.ts";
import { columns } from "./format.ts";

export function commandHelp(command: Command, identity: Identity): string {
  const options = optionsOf(command).map(([name, { type, short, value = "VALUE", help }]): [string, string] => [
    `${short ? `-${short}, ` : "    "}--${name}${type === "boolean" ? "" : ` ${value}`}`,
    help,
  ]);
  const examples = command.examples.map(([line, does]): [string, string] => [exampleLine(line, identity), does]);
  const description = typeof command.description === "function" ? command.description(identity) : command.description;
  const usage = `Usage: ${identity.command} ${command.usage} [options]`;
  return `${usage}\n\n${description}\n\nOptions\n${columns(options)}\n\nExamples\n${columns(examples)}`;
}

export function exampleLine(line: HelpText, identity: Identity): string {
  return typeof line === "function" ? line(identity) : `${identity.command} ${line}`;
}

export const groupSummaries: Readonly<Record<string, string>> = {
  auth: "log in, log out, and see who is logged in",
  sync: "send events and artifacts, now or when there is a network",
  tracker: "exchange work packages with the tracker behind the service",
};

const groupExamples: Readonly<Record<string, readonly string[]>> = {
  "": ["auth login", "auth login --help"],
  auth: ["auth login", "auth status"],
  sync: ["sync status", "sync now"],
  tracker: ["tracker status --provider github --project my-project", "tracker tickets --provider linear"],
};

export function groupHelp(
  words: readonly string[],
  entries: readonly CommandEntry[],
  topics: readonly TopicEntry[],
  identity: Identity,
): string {
  const below = new Map<string, string>();
  for (const { words: all, summary } of entries) {
    const word = all[words.length];
    if (word !== undefined) below.set(word, all.length === words.length + 1 ? summary : (groupSummaries[word] ?? ""));
  }
  const isTop = words.length === 0;
  const name = [identity.command, ...words].join(" ");
  const summary = groupSummaries[words[0] ?? ""] ?? "";
  return [
    `Usage: ${name} COMMAND [options]`,
    isTop
      ? "Log in to a service from the terminal, once, and stay logged in."
      : `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    `Commands\n${columns([...below])}`,
    isTop
      ? `Options\n${columns([
          ["-h, --help", "show this help, at every level"],
          ["    --version", "show the version"],
          ["    --json, --verbose, --debug, --no-input", "of every command, also before its name, like --profile NAME"],
        ])}`
      : "",
    `Examples\n${(groupExamples[words[0] ?? ""] ?? []).map((line) => `  ${identity.command} ${line}`).join("\n")}`,
    topics.length === 0
      ? ""
      : `More to read\n${columns(topics.map((topic) => [`${name} help ${topic.name}`, topic.summary]))}`,
  ]
    .filter(Boolean)
    .join("\n\n");
}
