import type { Identity } from "../base/identity.ts";
import {
  commonOptions,
  profileOption,
  usageLine,
  type Command,
  type CommandEntry,
  type HelpText,
  type TopicEntry,
} from "./command.ts";
import { columns } from "./format.ts";

export function commandHelp(command: Command, identity: Identity): string {
  const profile = command.options["profile"] === profileOption.profile ? ["--profile NAME"] : [];
  const own = Object.entries(command.options).filter(([, option]) => option !== profileOption.profile);
  const options = own.map(([name, { short, value, help, isSaved, isAdvanced = false }]) => ({
    row: [
      `${short ? `-${short}, ` : "    "}--${name}${value === undefined ? "" : ` ${value}`}`,
      `${help}${isSaved ? " *" : ""}`,
    ] satisfies [string, string],
    isAdvanced,
  }));
  const shared = Object.keys(commonOptions).filter((name) => !Object.hasOwn(command.options, name));
  const common = [...profile, ...shared.map((name) => `--${name}`)];
  const group = (title: string, advanced: boolean): string[] => {
    const rows = options.filter(({ isAdvanced }) => isAdvanced === advanced).map(({ row }) => row);
    return rows.length === 0 ? [] : [`${title}\n${columns(rows)}`];
  };
  const saved = Object.values(command.options).some(({ isSaved }) => isSaved) ? ["* saved in the profile"] : [];
  const examples = command.examples.map(
    ([line, does]) => `${does === undefined ? "" : `  # ${does}\n`}  ${exampleLine(line, identity)}`,
  );
  const description = typeof command.description === "function" ? command.description(identity) : command.description;
  const usage = `Usage: ${identity.command} ${usageLine(command)}`;
  return [
    usage,
    description,
    ...group("Options", false),
    ...group("Advanced options", true),
    ...saved,
    `Common options: ${common.join(", ")}`,
    ...(examples.length === 0 ? [] : [`Examples\n${examples.join("\n")}`]),
  ].join("\n\n");
}

export function exampleLine(line: HelpText, identity: Identity): string {
  return typeof line === "function" ? line(identity) : `${identity.command} ${line}`;
}

export const groupSummaries: Readonly<Record<string, string>> = {
  auth: "log in, log out, and show who is logged in",
  sync: "queue and send events and artifacts",
  tracker: "exchange work packages with a tracker",
};

const groupExamples: Readonly<Record<string, readonly string[]>> = {
  "": ["auth login", "auth login --help"],
  auth: ["auth login", "auth status"],
  sync: ["sync status", "sync now"],
  tracker: ["tracker status --provider github --project my-project", "tracker tickets --provider linear"],
};

export function wordsAfter(
  words: readonly string[],
  entries: readonly CommandEntry[],
): [word: string, summary: string][] {
  const below = new Map<string, string>();
  for (const { words: all, summary } of entries) {
    const word = all[words.length];
    if (word === undefined || words.some((one, depth) => one !== all[depth])) continue;
    below.set(word, all.length === words.length + 1 ? summary : (groupSummaries[word] ?? ""));
  }
  return [...below];
}

export function groupHelp(
  words: readonly string[],
  entries: readonly CommandEntry[],
  topics: readonly TopicEntry[],
  identity: Identity,
): string {
  const isTop = words.length === 0;
  const name = [identity.command, ...words].join(" ");
  const summary = groupSummaries[words[0] ?? ""] ?? "";
  return [
    `Usage: ${name} COMMAND [options]`,
    isTop
      ? "Log in once from the terminal, and stay logged in."
      : `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    `Commands\n${columns(wordsAfter(words, entries))}`,
    isTop
      ? `Options\n${columns([
          ["-h, --help", "show help"],
          ["    --version", "show the version"],
          ["    --profile NAME", profileOption.profile.help],
          ["    --json", "print results and failures as JSON"],
          ["    --verbose", commonOptions.verbose.help],
          ["    --debug", commonOptions.debug.help],
          ["    --no-input", commonOptions["no-input"].help],
        ])}`
      : "",
    `Examples\n${(groupExamples[words[0] ?? ""] ?? []).map((line) => `  ${identity.command} ${line}`).join("\n")}`,
    topics.length === 0
      ? ""
      : `Topics\n${columns(topics.map((topic) => [`${name} help ${topic.name}`, topic.summary]))}`,
  ]
    .filter(Boolean)
    .join("\n\n");
}
