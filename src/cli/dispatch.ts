import { parseArgs } from "node:util";
import { ownIdentity } from "../base/identity.ts";
import type { Command, CommandEntry, OptionSpec } from "./command.ts";
import { commandTable, groupSummaries } from "./command-table.ts";
import { commandHelp, commonOptions, groupHelp, usageLine } from "./help.ts";
import { nearest, usageError } from "./usage.ts";

/** What an option was given; a list where it may be given more than once. */
type OptionValue = string | boolean | string[] | undefined;

/** What a command line asks for. */
export type Request =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "run"; readonly command: Command; readonly values: Readonly<Record<string, OptionValue>>; readonly positionals: readonly string[] };

/**
 * Reads a command line. Loads the one command that it names.
 *
 * @param argv - without the program's own name
 * @throws AuthError `usage_invalid`
 */
export async function dispatch(argv: readonly string[]): Promise<Request> {
  if (argv[0] === "help") return (await helpTopic(argv.slice(1))) ?? dispatch([...argv.slice(1), "--help"]);
  const { entry, words, rest } = findEntry(argv);
  if (entry === undefined) {
    const [next] = rest;
    const below = entriesBelow(words);
    if (next === undefined || next === "--help" || next === "-h" || next === "help") {
      const topics = words.length === 0 ? (await import("./topic-table.ts")).topicTable : [];
      return { kind: "text", text: groupHelp(words, below, groupSummaries, topics) };
    }
    const name = ["spec-kitty", ...words].join(" ");
    const known = new Set([...below.map((candidate) => candidate.words[words.length] ?? ""), "--help", ...(words.length === 0 ? ["--version"] : [])]);
    // `spec-kitty login`, as most programs have it, is not a slip of the pen but of the group.
    const meant = nearest(next, known) ?? below.find((candidate) => candidate.words.at(-1) === next)?.words.slice(words.length).join(" ");
    throw usageError(
      `"${next}" is not ${next.startsWith("-") ? "an option" : "a command"} of ${name}`,
      meant ? `Did you mean: ${name} ${meant}? Usage: ${name} COMMAND [options]` : `Usage: ${name} COMMAND [options]. See: ${name} --help`,
    );
  }
  const command = await entry.load();
  const { values, positionals } = parse(command, rest);
  if (values["help"] === true) return { kind: "text", text: commandHelp(command) };
  const [least, most] = command.arguments ?? [0, 0];
  if (positionals.length < least) throw usageError(`"${words.join(" ")}" needs ${least} argument${least === 1 ? "" : "s"}, and ${positionals.length} came`, usageLine(command));
  if (positionals.length > most) throw usageError(`"${positionals[most]}" is one argument too many`, usageLine(command));
  return { kind: "run", command, values, positionals };
}

/** The text of a topic, if that is what the words after `help` name. */
async function helpTopic(words: readonly string[]): Promise<Request | undefined> {
  const [word = "", ...more] = words;
  if (more.length > 0 || word === "" || word.startsWith("-") || entriesBelow([word]).length > 0) return undefined;
  const { topicTable } = await import("./topic-table.ts");
  const topic = topicTable.find(({ name }) => name === word);
  if (topic !== undefined) return { kind: "text", text: (await topic.load())(ownIdentity) };
  const meant = nearest(word, [...topicTable.map(({ name }) => name), ...commandTable.map(({ words: [first = ""] }) => first)]);
  throw usageError(`"${word}" is not a command or a topic of ${ownIdentity.command}`, `${meant ? `Did you mean: ${ownIdentity.command} help ${meant}? ` : ""}See: ${ownIdentity.command} --help`);
}

function findEntry(argv: readonly string[]): { entry: CommandEntry | undefined; words: readonly string[]; rest: readonly string[] } {
  let count = 0;
  for (; ; count += 1) {
    const words = argv.slice(0, count);
    const entry = commandTable.find((candidate) => candidate.words.length === count && candidate.words.every((word, index) => word === words[index]));
    if (entry !== undefined) return { entry, words, rest: argv.slice(count) };
    const next = argv[count];
    if (next === undefined || entriesBelow([...words, next]).length === 0) return { entry: undefined, words, rest: argv.slice(count) };
  }
}

function entriesBelow(words: readonly string[]): readonly CommandEntry[] {
  return commandTable.filter((entry) => words.every((word, index) => entry.words[index] === word));
}

/** The standard parser, not strict: it says what it saw, and what is wrong with that is said here, with the nearest name. */
function parse(command: Command, args: readonly string[]): { values: Record<string, OptionValue>; positionals: string[] } {
  const options: Readonly<Record<string, OptionSpec>> = { ...command.options, ...commonOptions };
  const parserOptions = Object.fromEntries(Object.entries(options).map(([name, { type, short }]) => [name, { type, ...(short && { short }) }]));
  const { tokens, positionals } = parseArgs({ args: [...args], options: parserOptions, strict: false, allowPositionals: true, tokens: true });
  const values: Record<string, OptionValue> = {};
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (option === undefined) {
      const meant = nearest(token.name, Object.keys(options));
      throw usageError(`"${token.rawName}" is not an option of "${command.usage.split(" [")[0]}"`, meant ? `Did you mean --${meant}? ${usageLine(command)}` : usageLine(command));
    }
    if (option.type === "boolean" && token.value !== undefined) throw usageError(`${token.rawName} takes no value`, usageLine(command));
    // An option in the place of a value is a forgotten value: `--profile --json` names no profile.
    if (option.type === "string" && (token.value === undefined || (!token.inlineValue && token.value.startsWith("-") && token.value !== "-"))) {
      throw usageError(`${token.rawName} needs a value`, usageLine(command));
    }
    const earlier = values[token.name];
    if (option.multiple) values[token.name] = [...(Array.isArray(earlier) ? earlier : []), token.value ?? ""];
    else values[token.name] = option.type === "boolean" ? true : token.value;
  }
  return { values, positionals };
}
